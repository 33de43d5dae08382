#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "../src/kernels.h"
#include "reference.h"

// Compares kernels with their references: on every instruction set of this processor, and for each with 1, 2 and 3
// threads, twice. All runs of one instruction set must give the same bits, write nothing outside of their results, and
// all of these.

using reference::Floats;
using reference::Values;

// Largest absolute difference from the reference, as a part of the reference's largest absolute value.
constexpr double TOLERANCE = 5e-6, WINOGRAD_TOLERANCE = 2e-5, EXACT = 0;

// SplitMix64: the same numbers everywhere, which the distributions of <random> are not.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  long between(long from, long to) { return from + static_cast<long>(next() % static_cast<uint64_t>(to - from + 1)); }
  bool chance() { return next() >> 63; }
  long oneOf(const std::vector<long>& choices) { return choices[next() % choices.size()]; }
  // In [-1, 1].
  float value() { return static_cast<float>(static_cast<double>(next() >> 11) / (1ULL << 52) - 1); }
  Floats values(long count);
  // Whole multiples of `step` in [-most, most] * step: float32 computes with few of them exactly, and many are equal.
  Floats steps(long count, long most, float step);

 private:
  uint64_t state_;
};

// Memory for a kernel to write. Either with canaries on both sides, or exactly as long as it may be, so that
// AddressSanitizer sees whatever goes past it, reads as well. Filled with NaN at first.
class Guarded {
 public:
  Guarded(long length, bool canaries, long offset);
  float* data() { return memory_.data() + offset_; }
  const float* data() const { return memory_.data() + offset_; }
  long length() const { return length_; }
  // Whether all canaries are still there.
  bool intact() const;

 private:
  long length_, offset_, behind_;
  Floats memory_;
};

// One run of a kernel.
class Run {
 public:
  Run(const Kernels& kernels, Team& team, bool canaries) : kernels(kernels), team(team), canaries_(canaries) {}

  const Kernels& kernels;
  Team& team;

  float* out(size_t i) { return outputs_[i]; }
  // Memory that is neither an input nor a result.
  float* scratch(long length) { return add(length).data(); }
  void addOutput(const Values& expected, const Floats& before);
  bool intact() const;

 private:
  Guarded& add(long length);

  bool canaries_;
  std::list<Guarded> memory_;
  std::vector<float*> outputs_;
};

struct Check {
  // The line of the report that this belongs to, and the case, for the message of a failure.
  std::string kernel, shape;
  double tolerance;
  std::vector<Values> expected;
  std::function<void(Run&)> call;
  // What the outputs hold before the call where they are updated in place.
  std::vector<Floats> before = {};
  std::function<bool(const Kernels&)> applies = nullptr;
  // How large the reference's largest value counts as at least: few sums may all cancel out.
  double least = 0;
};
void check(const Check& check);

// A statement that is true or not.
void expect(const std::string& what, bool isTrue);

// Prints a line for every kernel and instruction set, then the totals. Returns whether all passed.
bool report();

// Fewer and smaller cases, for sanitizers.
extern bool few;
// Only what threads may do to each other, for ThreadSanitizer: each case once with 2 and once with 3 threads.
extern bool races;

// "3x5x1"
std::string text(std::initializer_list<long> lengths);
std::string text(const Convolution& g);
std::string text(const PoolWindow& g);

// What the other files test.
void testConvolutions();
void testWinograd();
void testDense();
void testLoops();
void testReductions();
void testNormalization();
void testPools();
void testTraining();
void testTeam();
