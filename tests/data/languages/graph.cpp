// Copyright 2024 The Graph Authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <memory>
#include <string>
#include <vector>
#include "graph/größe.hpp"

#ifndef GRAPH_LIMIT
#define GRAPH_LIMIT 1'000'000
#endif

using std::string;
using Weights = std::vector<double>;

namespace graph {

constexpr auto kHelp = R"doc(usage: graph "file" )doc";
const char kQuote = '\'';

/// A node of the graph.
struct Node {
  int id{0};
  string name;
  std::vector<std::shared_ptr<Node>> next;

  bool operator==(const Node &other) const { return id == other.id; }
};

enum class Order { kDepth, kBreadth };

/**
 * A graph that owns its nodes.
 */
template <typename T, int N = 8>
class Graph : public Base<T> {
 public:
  explicit Graph(Order order = Order::kDepth) : order_(order), nodes_() {}
  virtual ~Graph() = default;

  // Adds a node and gives it back.
  Node &add(string name) {
    nodes_.push_back(Node{static_cast<int>(nodes_.size()), std::move(name), {}});
    return nodes_.back();
  }

  virtual void visit(const std::function<void(const Node &)> &each) const;
  size_t size() const noexcept;

 private:
  Order order_;
  std::vector<Node> nodes_;
};

template <typename T, int N>
void Graph<T, N>::visit(const std::function<void(const Node &)> &each) const {
  for (const auto &node : nodes_) {
    if (node.id < 0) {
      continue;
    } else if (node.name.empty()) {
      throw std::runtime_error("größe 😀: a node without a name");
    }
    try {
      each(node);
    } catch (const std::exception &error) {
      log(error.what());
    }
  }
}

namespace {
int count = 0;

double sum(const Weights &weights) {
  double total = 0;
  std::for_each(weights.begin(), weights.end(), [&total](double weight) {
    total += weight;
    ++count;
  });
  return total;
}
}  // namespace

}  // namespace graph

int main(int argc, char **argv) {
  graph::Graph<int> graph;
  while (argc-- > 1) graph.add(argv[argc]);
  auto weights = std::make_unique<Weights>();
  return graph::kQuote == '\'' ? 0 : 1;
}
