#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

// Pages of 2 MiB: of small ones a network's memory has more than a processor keeps the addresses of, and to find one
// costs as much as to fetch what lies in it, twice as much on a virtual machine.
constexpr size_t HUGE_PAGE = size_t{1} << 21;
// Asks the system for them where memory fills them. It gives them to what was not yet written to, if it has any.
void askForHugePages(uintptr_t begin, size_t bytes);

// A team of threads that share the items of one loop at a time, and the memory they work in.
// The caller is one of them. It never waits for a thread that has taken no item: on a busy machine the others may
// wake late, or not at all, and the loop ends no later than the caller alone would have ended it.
class Team {
 public:
  using Task = void (*)(void* context, long item, long worker);

  // Throws std::system_error where there are not so many threads to be had.
  explicit Team(long threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  long size() const { return static_cast<long>(workers_.size()) + 1; }

  // Calls task(context, item, worker) once for every item in [0, items); worker < size() tells the threads apart.
  // Which thread gets which item differs from call to call. Loops of several JavaScript threads run one by one.
  void run(long items, Task task, void* context);

  // Scratch memory for the next loops: throws std::bad_alloc where there is none. In floats, 64-byte aligned.
  void reserve(long floatsPerWorker, long sharedFloats);
  float* scratch(long worker) const { return memory_ + sharedFloats_ + worker * workerFloats_; }
  float* shared() const { return memory_; }
  // Gives the scratch memory back.
  void release();
  // Of the second-level cache, which each thread has to itself.
  long cacheBytes() const { return cacheBytes_; }

 private:
  void work(long worker);
  bool claim(uint64_t& ticket);
  void end();
  void allocate(long floats);
  void fence(long floatsPerWorker, long sharedFloats);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;

  // The loop's number in the upper half, the next item in the lower: an item is claimed together with its loop.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<uint64_t> items_{0};
  std::atomic<Task> task_{nullptr};
  std::atomic<void*> context_{nullptr};
  alignas(64) std::atomic<long> done_{0};

  float* memory_ = nullptr;
  long capacity_ = 0;
  long sharedFloats_ = 0;
  long workerFloats_ = 0;
  long cacheBytes_ = 1 << 19;
};
