// Teams of threads: that every item is done once, by threads that come, sleep and go, for callers that share a team.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "check.h"

namespace {

// How often each item of a loop was done, and whether its worker was one of the team. Not atomic: that each thing is
// touched by one thread, and seen by the caller afterwards, is what a team promises (ThreadSanitizer watches).
bool loopIsRight(Team& team, long items) {
  struct Loop {
    std::vector<long> done, perWorker;
  } loop{std::vector<long>(std::max(items, 0L)), std::vector<long>(team.size())};
  team.run(
      items,
      [](void* context, long item, long worker) {
        Loop& loop = *static_cast<Loop*>(context);
        ++loop.done.at(item);
        ++loop.perWorker.at(worker);
      },
      &loop);
  long total = 0;
  for (const long count : loop.perWorker) total += count;
  return total == std::max(items, 0L) && std::all_of(loop.done.begin(), loop.done.end(), [](long n) { return n == 1; });
}

void testItems() {
  for (long threads = 1; threads <= 5; ++threads) {
    Team team(threads);
    bool right = team.size() == threads;
    for (long round = 0; round < (few ? 30 : 300); ++round) {
      for (const long items : {0L, 1L, 2L, threads - 1, threads, threads + 1, 17L, -1L}) {
        right = right && loopIsRight(team, items);
      }
    }
    expect("loops of a team of " + std::to_string(threads), right);
  }
}

// One loop right behind the other: a thread that is late must not take an item of the next with the task of the last.
void testManyLoops() {
  Team team(3);
  bool right = true;
  for (long loop = 0; loop < (few ? 3000 : 30000); ++loop) right = right && loopIsRight(team, loop % 7);
  expect("many small loops", right);
}

// Threads fall asleep after some tens of microseconds: loops that find them about to.
void testSleep() {
  Team team(3);
  Random random(9);
  bool right = true;
  for (long loop = 0; loop < (few ? 100 : 1000); ++loop) {
    right = right && loopIsRight(team, 5);
    std::this_thread::sleep_for(std::chrono::microseconds(random.between(0, 150)));
  }
  expect("loops between naps", right);
}

void testStartAndEnd() {
  bool right = true;
  for (long round = 0; round < (few ? 60 : 500); ++round) {
    Team team(1 + round % 4);
    // Some end before they did anything.
    if (round % 3 != 0) right = right && loopIsRight(team, round % 5);
  }
  expect("teams that start and end", right);
}

// A system has only so many threads to give: here because there is no room for the stacks of 200.
void testNoThreads() {
// Sanitizers need more memory than there is then.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before;
  getrlimit(RLIMIT_AS, &before);
  rlimit tight = before;
  tight.rlim_cur = pages * sysconf(_SC_PAGESIZE) + (100 << 20);
  setrlimit(RLIMIT_AS, &tight);
  bool thrown = false;
  try {
    Team team(200);
  } catch (const std::system_error&) {
    thrown = true;
  }
  setrlimit(RLIMIT_AS, &before);
  expect("no more threads", thrown);
#endif
}

void testScratch() {
  Team team(3);
  bool right = true;
  for (const long floats : {1L, 15L, 17L, 1000L, 100000L, 3L}) {
    team.reserve(floats, 2 * floats);
    std::vector<float*> parts = {team.shared()};
    for (long worker = 0; worker < team.size(); ++worker) parts.push_back(team.scratch(worker));
    for (size_t i = 0; i < parts.size(); ++i) {
      right = right && reinterpret_cast<uintptr_t>(parts[i]) % 64 == 0;
      std::fill(parts[i], parts[i] + (i == 0 ? 2 * floats : floats), static_cast<float>(i));
    }
    // Nothing was written over.
    for (size_t i = 0; i < parts.size(); ++i) {
      const long length = i == 0 ? 2 * floats : floats;
      right = right && std::all_of(parts[i], parts[i] + length, [&](float v) { return v == static_cast<float>(i); });
    }
    if (floats == 1000) team.release();
  }
  expect("scratch memory", right);
  bool thrown = false;
  try {
    team.reserve(1L << 45, 1);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  expect("no memory of 2^47 bytes", thrown);
  team.reserve(10, 10);
  expect("a team without memory goes on", team.shared() != nullptr && loopIsRight(team, 9));
}

// A dense layer by `kernels`, again and again; whether it always gives the same, and the right, results.
struct Layer {
  long rows, inputs, outputs;
  Floats x, w;
  Values expected;
  Layer(long rows, long inputs, long outputs, Random& random)
      : rows(rows), inputs(inputs), outputs(outputs), x(random.values(rows * inputs)), w(random.values(inputs * outputs)),
        expected(reference::dense(rows, inputs, outputs, x, w, {}, false)) {}

  bool isRight(const Kernels& kernels, Team& team) const {
    Floats y(expected.size());
    kernels.denseForward(team, rows, inputs, outputs, x.data(), w.data(), nullptr, false, y.data());
    bool right = true;
    for (size_t i = 0; i < y.size(); ++i) right = right && std::fabs(y[i] - expected[i]) < 1e-4;
    return right;
  }
};

// Two threads with one team, which each has to itself for a call, as in addon.cc; and with a team each.
void testTwoThreads() {
  const Kernels& kernels = *instructionSets().at[0];
  Random random(10);
  const Layer layers[2] = {Layer(9, 130, 100, random), Layer(17, 64, 70, random)};
  for (const bool shared : {true, false}) {
    Team team(3);
    std::mutex inside;
    bool right[2] = {true, true};
    const auto work = [&](int which) {
      std::unique_ptr<Team> own = shared ? nullptr : std::make_unique<Team>(2);
      for (long round = 0; round < (few ? 50 : 500); ++round) {
        std::unique_lock<std::mutex> lock(inside, std::defer_lock);
        if (shared) lock.lock();
        right[which] = layers[which].isRight(kernels, shared ? team : *own) && right[which];
      }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    expect(shared ? "two threads, one team" : "two threads, two teams", right[0] && right[1]);
  }
}

void testPeak() {
  for (const Kernels* kernels : instructionSets().at) {
    if (kernels == nullptr) continue;
    Team team(3);
    expect(std::string("peak ") + kernels->name, std::isfinite(kernels->peak(team, 100)));
  }
}

}  // namespace

void testTeam() {
  testItems();
  testManyLoops();
  testSleep();
  testStartAndEnd();
  testNoThreads();
  testScratch();
  testTwoThreads();
  testPeak();
}
