// The boundary between JavaScript and the kernels: the engine itself, and how its functions are called.
#include "addon.h"

#include <dlfcn.h>

#include <mutex>
#include <new>

Team* team = nullptr;
const Kernels* kernels = nullptr;

namespace {

std::mutex inside;

void start(Call& call) {
  const long threads = call.whole(0, "the number of threads", 1);
  if (threads > 1024) call.refuse("more than 1024 threads");
  const InstructionSets sets = instructionSets();
  const Kernels* wanted = sets.at[0];
  if (!call.missing(1)) {
    const std::string name = call.text(1);
    wanted = nullptr;
    for (const Kernels* set : sets.at) {
      if (set != nullptr && name == set->name) wanted = set;
    }
    if (wanted == nullptr) call.refuse("this processor has no instruction set " + name);
  }
  kernels = wanted;
  if (team == nullptr || team->size() != threads) {
    delete team;
    team = nullptr;
    team = new Team(threads);
  }
  call.give(std::string(kernels->name));
}

void listInstructionSets(Call& call) {
  const InstructionSets sets = instructionSets();
  std::string names[4];
  size_t count = 0;
  for (const Kernels* set : sets.at) {
    if (set != nullptr) names[count++] = set->name;
  }
  call.giveList(names, count);
}

void release(Call&) { team->release(); }
void address(Call& call) { call.give(static_cast<double>(call.address(0) % HUGE_PAGE)); }
void hugePages(Call& call) {
  long length;
  const float* values = call.anyFloats(0, "the values", length);
  askForHugePages(reinterpret_cast<uintptr_t>(values), length * sizeof(float));
}
void peak(Call& call) { call.give(kernels->peak(*team, call.whole(0, "rounds", 1)) > 0 ? 12.0 * 2 * kernels->lanes : 0); }

std::vector<Entry> allEntries() {
  std::vector<Entry> entries = {
      {"start", start},
      {"instructionSets", listInstructionSets},
      {"release", release},
      {"address", address},
      {"hugePages", hugePages},
      {"peak", peak},
  };
  for (const std::vector<Entry>& more : {layerEntries(), valueEntries()}) {
    entries.insert(entries.end(), more.begin(), more.end());
  }
  return entries;
}

napi_value enter(napi_env env, napi_callback_info info) {
  void* data;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  const Entry& entry = *static_cast<const Entry*>(data);
  try {
    Call call(env, info, entry.name);
    // Kernels of several JavaScript threads would share the scratch memory.
    std::lock_guard<std::mutex> lock(inside);
    if (team == nullptr && entry.function != start && entry.function != listInstructionSets) {
      call.refuse("the engine was not started");
    }
    entry.function(call);
    return call.result();
  } catch (const Refused& refused) {
    napi_throw_range_error(env, "ERR_NATIVE_ARGUMENT", refused.message.c_str());
  } catch (const std::bad_alloc&) {
    const std::string message = std::string("native ") + entry.name + ": not enough memory to work in";
    napi_throw_error(env, "ERR_NATIVE_MEMORY", message.c_str());
  } catch (const std::exception& error) {
    napi_throw_error(env, "ERR_NATIVE", error.what());
  }
  return nullptr;
}

// Node unloads an addon with the last Worker that uses it; the team's threads would run on in memory that is gone.
void stayLoaded() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(stayLoaded), &self) != 0) dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

}  // namespace

NAPI_MODULE_INIT() {
  stayLoaded();
  // For as long as the process lives: JavaScript's functions point to them.
  static const std::vector<Entry> entries = allEntries();
  for (const Entry& entry : entries) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, enter, const_cast<Entry*>(&entry), &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
