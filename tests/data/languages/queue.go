//go:build linux || darwin

// Copyright 2024 The Queue Authors. All rights reserved.
// Use of this source code is governed by a BSD-style license.

// Package queue keeps jobs until somebody has time for them.
package queue

import (
	"context"
	"errors"
	"fmt"
	log "log/slog"
	. "math"
	_ "net/http/pprof"
	"sync"

	"example.com/jobs/internal/größe"
)

import "time"

// ErrFull says that no job fits in any more.
var ErrFull = errors.New("queue: full")

const (
	defaultSize = 64
	help        = `usage: queue [flags] "name"
	-size 'n'`
)

// Job is one piece of work.
type Job struct {
	ID      int
	Name    string `json:"name"`
	Payload []byte
	done    chan struct{}
}

type (
	// Handler does a job.
	Handler func(ctx context.Context, job *Job) error
	Store   interface {
		Next(ctx context.Context) (*Job, error)
		Len() int
	}
)

// Queue is a bounded queue, safe for use by many.
type Queue[T any] struct {
	mu    sync.Mutex
	items []T
	size  int
}

// New makes a queue of a size; zero is the default.
func New[T any](size int) *Queue[T] {
	if size <= 0 {
		size = defaultSize
	} else if size > größe.Most {
		size = int(Floor(float64(size) / 2))
	}
	return &Queue[T]{items: make([]T, 0, size), size: size}
}

// Put adds an item, or says ErrFull.
func (q *Queue[T]) Put(item T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == q.size {
		return fmt.Errorf("put %v: %w", item, ErrFull)
	}
	q.items = append(q.items, item)
	return nil
}

func (q *Queue[T]) Drain(ctx context.Context, each func(T) error) (n int, err error) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for i, item := range q.items {
		select {
		case <-ctx.Done():
			return i, ctx.Err()
		case now := <-ticker.C:
			log.Info("still draining", "now", now, "rune", '\'', "item", i)
		default:
		}
		if err := each(item); err != nil {
			return i, err
		}
	}
	switch n = len(q.items); {
	case n == 0:
		return 0, nil
	default:
		q.items = q.items[:0]
	}
	go func() { log.Debug("größe 😀", "n", n) }()
	return n, nil
}
