#include "check.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

bool few = false, races = false;

// ---------------------------------------------------------------------------------------------------------- inputs

uint64_t Random::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Floats Random::values(long count) {
  Floats values(count);
  for (float& v : values) v = value();
  return values;
}

Floats Random::steps(long count, long most, float step) {
  Floats values(count);
  for (float& v : values) v = static_cast<float>(between(-most, most)) * step;
  return values;
}

// --------------------------------------------------------------------------------------------------------- outputs

namespace {
constexpr long GUARD = 64;
// Both are NaN, so that neither can be read unnoticed; no kernel makes a NaN with these bits.
constexpr uint32_t CANARY = 0x7fa5c0de;
constexpr int FILLING = 0xff;

bool same(float value, uint32_t bits) { return std::memcmp(&value, &bits, sizeof bits) == 0; }
}  // namespace

Guarded::Guarded(long length, bool canaries, long offset)
    : length_(length), offset_(canaries ? GUARD + offset : 0), behind_(canaries ? GUARD : 0) {
  float canary;
  std::memcpy(&canary, &CANARY, sizeof CANARY);
  memory_.assign(offset_ + length_ + behind_, canary);
  if (length_ > 0) std::memset(data(), FILLING, length_ * sizeof(float));
}

bool Guarded::intact() const {
  bool all = true;
  for (long i = 0; i < offset_; ++i) all = all && same(memory_[i], CANARY);
  for (long i = 0; i < behind_; ++i) all = all && same(memory_[offset_ + length_ + i], CANARY);
  return all;
}

Guarded& Run::add(long length) {
  // Results begin at any place of a vector.
  return memory_.emplace_back(length, canaries_, team.size());
}

void Run::addOutput(const Values& expected, const Floats& before) {
  float* data = add(static_cast<long>(expected.size())).data();
  for (size_t i = 0; i < before.size(); ++i) data[i] = before[i];
  outputs_.push_back(data);
}

bool Run::intact() const {
  bool all = true;
  for (const Guarded& memory : memory_) all = all && memory.intact();
  return all;
}

// ---------------------------------------------------------------------------------------------------------- checks

namespace {

constexpr double WRONG = std::numeric_limits<double>::infinity();

// The report's lines, in the order in which their kernels came first.
struct Line {
  std::string kernel, set;
  long cases = 0;
  double error = 0;
};
std::list<Line> lines;
long passed = 0, failed = 0;

Line& lineOf(const std::string& kernel, const std::string& set) {
  for (Line& line : lines) {
    if (line.kernel == kernel && line.set == set) return line;
  }
  return lines.emplace_back(Line{kernel, set});
}

void count(bool isTrue, const std::string& message) {
  ++(isTrue ? passed : failed);
  if (!isTrue) std::printf("FAILED %s\n", message.c_str());
}

// Half of the runs find scratch memory that is exactly as long as they ask for, the others some full of NaN. The others
// have a team of their own, which keeps it: a sanitizer has the shadow of all memory that is new to fill.
Team& teamOf(long threads, bool exact) {
  static std::unique_ptr<Team> teams[2][4];
  std::unique_ptr<Team>& team = teams[exact][threads];
  if (!team) team = std::make_unique<Team>(threads);
  if (exact) {
    team->release();
    return *team;
  }
  constexpr long SOME = 1 << 16;
  team->reserve(0, SOME);
  std::memset(team->shared(), FILLING, SOME * sizeof(float));
  return *team;
}

// The largest error of a result, and which of its values has it.
struct Difference {
  double error = 0;
  size_t at = 0;
};

Difference difference(const float* result, const Values& expected, double least) {
  double largest = least;
  for (const double value : expected) {
    if (std::isfinite(static_cast<float>(value))) largest = std::max(largest, std::fabs(value));
  }
  Difference worst;
  for (size_t i = 0; i < expected.size(); ++i) {
    double error = 0;
    // Infinite where float32 is.
    const float nearest = static_cast<float>(expected[i]);
    if (std::isfinite(nearest) && std::isfinite(result[i])) {
      const double absolute = std::fabs(result[i] - expected[i]);
      error = absolute == 0 ? 0 : absolute / largest;
    } else if (std::isnan(nearest) ? !std::isnan(result[i]) : result[i] != nearest) {
      error = WRONG;
    }
    if (error > worst.error) worst = {error, i};
  }
  return worst;
}

// What is wrong on one instruction set; empty: nothing.
std::string failure(const Check& check, const Kernels& kernels, Line& line) {
  std::vector<Floats> first;
  for (long threads = races ? 2 : 1; threads <= 3; ++threads) {
    for (const bool canaries : {true, false}) {
      if (races && canaries) continue;
      const std::string when = " (" + std::to_string(threads) + " threads)";
      Team& team = teamOf(threads, !canaries);
      Run run(kernels, team, canaries);
      for (size_t i = 0; i < check.expected.size(); ++i) {
        run.addOutput(check.expected[i], i < check.before.size() ? check.before[i] : Floats{});
      }
      check.call(run);
      if (!run.intact()) return "writes outside of its result" + when;
      for (size_t i = 0; i < check.expected.size(); ++i) {
        const Values& expected = check.expected[i];
        const float* result = run.out(i);
        if (first.size() <= i) {
          first.emplace_back(result, result + expected.size());
          const Difference worst = difference(result, expected, check.least);
          line.error = std::max(line.error, worst.error);
          if (worst.error > check.tolerance) {
            char message[160];
            std::snprintf(message, sizeof message, "error %.2g: result %zu has %.9g at %zu instead of %.9g", worst.error,
                          i, result[worst.at], worst.at, expected[worst.at]);
            return message + when;
          }
        } else if (!expected.empty() && std::memcmp(result, first[i].data(), expected.size() * sizeof(float)) != 0) {
          return "other bits than at first" + when;
        }
      }
    }
  }
  return "";
}

}  // namespace

void check(const Check& check) {
  for (const Kernels* kernels : instructionSets().at) {
    if (kernels == nullptr) continue;
    Line& line = lineOf(check.kernel, kernels->name);
    if (check.applies && !check.applies(*kernels)) continue;
    ++line.cases;
    const std::string wrong = failure(check, *kernels, line);
    count(wrong.empty(), check.kernel + " [" + kernels->name + "] " + check.shape + ": " + wrong);
  }
}

void expect(const std::string& what, bool isTrue) { count(isTrue, what); }

bool report() {
  for (const Line& line : lines) {
    std::printf("%-34s %-8s %5ld cases, largest error %.2g\n", line.kernel.c_str(), line.set.c_str(), line.cases,
                line.error);
    // A kernel whose cases were all left out would look right.
    if (line.cases == 0) count(false, line.kernel + " [" + line.set + "]: no case");
  }
  std::printf("%ld passed, %ld failed\n", passed, failed);
  return failed == 0;
}

// ------------------------------------------------------------------------------------------------------------ text

std::string text(std::initializer_list<long> lengths) {
  std::string all;
  for (const long length : lengths) all += (all.empty() ? "" : "x") + std::to_string(length);
  return all;
}

std::string text(const Convolution& g) {
  return "images " + text({g.n, g.h, g.w, g.ci}) + ", filter " + text({g.kh, g.kw, g.ci, g.co}) + ", strides " +
         text({g.strideY, g.strideX}) + ", dilations " + text({g.dilationY, g.dilationX}) + ", padding " +
         text({g.padTop, g.padLeft}) + ", results " + text({g.oh, g.ow});
}

std::string text(const PoolWindow& g) {
  return "images " + text({g.n, g.h, g.w, g.c}) + ", window " + text({g.kh, g.kw}) + ", strides " +
         text({g.strideY, g.strideX}) + ", padding " + text({g.padTop, g.padLeft}) + ", results " + text({g.oh, g.ow});
}
