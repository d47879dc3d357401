/*
 * Copyright 2024 The Ledger Authors
 *
 * Licensed under the Apache License, Version 2.0 (the "License").
 */
package com.example.ledger;

import static java.util.stream.Collectors.toList;

import java.io.IOException;
import java.math.BigDecimal;
import java.util.*;
import java.util.function.Function;

/**
 * A ledger: entries in the order in which they were booked.
 *
 * @author größe@example.com
 */
@SuppressWarnings("unchecked")
public final class Ledger<T extends Comparable<T>> implements Iterable<Ledger.Entry<T>> {

    private static final int MOST = 10_000;
    private static final String HELP = """
        usage: ledger "file"
        it's that simple
        """;
    private final List<Entry<T>> entries = new ArrayList<>();
    private char separator = '\'';

    /** One booking. */
    public record Entry<T>(T account, BigDecimal amount, String text) {
        public Entry {
            Objects.requireNonNull(account);
        }

        boolean isDebit() {
            return amount.signum() < 0;
        }
    }

    public enum Side { DEBIT, CREDIT }

    interface Listener {
        void booked(Entry<?> entry) throws IOException;

        default String name() {
            return "größe 😀";
        }
    }

    public Ledger(Collection<Entry<T>> first) {
        this.entries.addAll(first);
    }

    // Books one entry; what is too much is refused.
    public Entry<T> book(T account, BigDecimal amount, Listener... listeners) throws IOException {
        if (entries.size() >= MOST) {
            throw new IllegalStateException("full: " + entries.size());
        } else if (amount.signum() == 0) {
            return null;
        }
        var entry = new Entry<>(account, amount, HELP + separator);
        entries.add(entry);
        for (Listener listener : listeners) {
            try {
                listener.booked(entry);
            } catch (IOException | RuntimeException problem) {
                System.err.println(problem.getMessage());
            } finally {
                separator = ';';
            }
        }
        return entry;
    }

    public BigDecimal balance(T account) {
        return entries.stream()
            .filter(entry -> entry.account().equals(account))
            .map(Entry::amount)
            .reduce(BigDecimal.ZERO, BigDecimal::add);
    }

    public <R> List<R> all(Function<Entry<T>, R> each) {
        Runnable nothing = new Runnable() {
            @Override
            public void run() {
                entries.clear();
            }
        };
        nothing.run();
        return entries.stream().map(each).collect(toList());
    }

    @Override
    public Iterator<Entry<T>> iterator() {
        return switch (entries.size()) {
            case 0 -> Collections.emptyIterator();
            default -> entries.iterator();
        };
    }
}
