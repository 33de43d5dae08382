#include "team.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "denormals.h"

namespace {
// How long a thread looks for the next loop before it sleeps: waking it costs about as much.
constexpr auto LOOK_FOR = std::chrono::microseconds(60);

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Calls `ready` until it says yes or the time is over.
template <class Ready>
bool lookFor(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + LOOK_FOR;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

constexpr uint64_t LOOP = uint64_t{1} << 32;
constexpr uint64_t ITEM = LOOP - 1;
}  // namespace

void askForHugePages([[maybe_unused]] uintptr_t begin, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  const uintptr_t first = (begin + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE, end = (begin + bytes) / HUGE_PAGE * HUGE_PAGE;
  // Advice: nothing depends on whether it is taken.
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
#endif
}

Team::Team(long threads) {
#ifdef _SC_LEVEL2_CACHE_SIZE
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) cacheBytes_ = std::min(std::max(bytes, 1L << 18), 1L << 22);
#endif
  try {
    for (long worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  } catch (...) {
    // The system has no more threads to give. Those that run must end before they are forgotten.
    end();
    throw;
  }
}

Team::~Team() {
  end();
  std::free(memory_);
}

void Team::end() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

bool Team::claim(uint64_t& ticket) {
  ticket = ticket_.load(std::memory_order_acquire);
  while ((ticket & ITEM) < items_.load(std::memory_order_acquire)) {
    // Fails when another thread claimed it, or when this loop is over and the next has begun.
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void Team::run(long items, Task task, void* context) {
  if (items <= 0) return;
  const FlushDenormals flush;
  if (items == 1 || workers_.empty()) {
    for (long item = 0; item < items; ++item) task(context, item, 0);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // No thread is inside a loop here: every item of the last one was done, and none can be claimed.
    done_.store(0, std::memory_order_relaxed);
    task_.store(task, std::memory_order_relaxed);
    context_.store(context, std::memory_order_relaxed);
    items_.store(0, std::memory_order_relaxed);
    ticket_.store((ticket_.load(std::memory_order_relaxed) & ~ITEM) + LOOP, std::memory_order_release);
    items_.store(static_cast<uint64_t>(items), std::memory_order_release);
  }
  wake_.notify_all();
  uint64_t ticket;
  long mine = 0;
  while (claim(ticket)) {
    task(context, static_cast<long>(ticket & ITEM), 0);
    ++mine;
  }
  // What is left was claimed, so somebody is at work on it.
  if (done_.fetch_add(mine, std::memory_order_acq_rel) + mine == items) return;
  while (!lookFor([&] { return done_.load(std::memory_order_acquire) == items; })) std::this_thread::yield();
}

void Team::work(long worker) {
  const FlushDenormals flush;
  const auto open = [this] {
    return (ticket_.load(std::memory_order_acquire) & ITEM) < items_.load(std::memory_order_acquire);
  };
  for (;;) {
    if (!lookFor(open)) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return ended_ || open(); });
      if (ended_) return;
    }
    uint64_t ticket;
    while (claim(ticket)) {
      // A claimed item keeps its loop from ending, so these are the loop's own.
      task_.load(std::memory_order_relaxed)(context_.load(std::memory_order_relaxed),
                                            static_cast<long>(ticket & ITEM), worker);
      done_.fetch_add(1, std::memory_order_acq_rel);
    }
  }
}

void Team::reserve(long floatsPerWorker, long sharedFloats) {
  // Neighbouring threads' memory must not share a cache line, nor all begin at the same place of a page.
  workerFloats_ = (floatsPerWorker + 15) / 16 * 16 + 16;
  sharedFloats_ = (sharedFloats + 15) / 16 * 16 + 16;
  const long needed = sharedFloats_ + workerFloats_ * size();
  if (needed > capacity_) allocate(needed);
  fence(floatsPerWorker, sharedFloats);
}

void Team::allocate(long needed) {
  std::free(memory_);
  memory_ = nullptr;
  capacity_ = 0;
  // Transforms write to 36 places in turn, so that even less than a huge page is worth one.
  const size_t page = needed * sizeof(float) >= HUGE_PAGE / 8 ? HUGE_PAGE : 64;
  const size_t bytes = (needed * sizeof(float) + page - 1) / page * page;
  memory_ = static_cast<float*>(std::aligned_alloc(page, bytes));
  if (memory_ == nullptr) throw std::bad_alloc();
  askForHugePages(reinterpret_cast<uintptr_t>(memory_), bytes);
  capacity_ = needed;
}

// Lets AddressSanitizer see what goes past the end of a part of the scratch memory.
void Team::fence([[maybe_unused]] long floatsPerWorker, [[maybe_unused]] long sharedFloats) {
#ifdef __SANITIZE_ADDRESS__
  ASAN_POISON_MEMORY_REGION(memory_, capacity_ * sizeof(float));
  ASAN_UNPOISON_MEMORY_REGION(memory_, sharedFloats * sizeof(float));
  for (long worker = 0; worker < size(); ++worker) {
    ASAN_UNPOISON_MEMORY_REGION(scratch(worker), floatsPerWorker * sizeof(float));
  }
#endif
}

void Team::release() {
  std::free(memory_);
  memory_ = nullptr;
  capacity_ = 0;
}
