// The boundary between JavaScript and the kernels: reads arguments, checks every length, calls the kernel. The
// functions and their arguments are described in src/engine/native/addon.ts.
#include <dlfcn.h>

#include <mutex>
#include <new>

#include "call.h"
#include "kernels.h"

namespace {

// For the life of the process: its threads end with it.
Team* team = nullptr;
const Kernels* kernels = nullptr;
std::mutex inside;

// [n, h, w, ci, kh, kw, strideY, strideX, dilationY, dilationX, padTop, padLeft, oh, ow, co]
Convolution convolutionAt(const Call& call, size_t at) {
  long v[15];
  call.wholes(at, "the geometry", 15, v);
  for (int i = 0; i < 15; ++i) {
    const bool pad = i == 10 || i == 11;
    if (!pad && v[i] < 1) call.refuse("every length and step of the geometry must be at least 1");
    if (pad && (v[i] < 0 || v[i] > 1 << 20)) call.refuse("a padding must be from 0 to 2^20");
  }
  const Convolution g{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14]};
  // What the kernels work out from them stays far from overflowing.
  product({g.n, g.oh, g.ow, g.co});
  product({(g.oh - 1) * g.strideY + g.kh, (g.ow - 1) * g.strideX + g.kw, g.ci});
  return g;
}

long imageLength(const Convolution& g) { return product({g.n, g.h, g.w, g.ci}); }
long resultLength(const Convolution& g) { return product({g.n, g.oh, g.ow, g.co}); }
long filterLength(const Convolution& g) { return product({g.kh, g.kw, g.ci, g.co}); }

// Direct convolution is the reference for Winograd's: a caller may ask for it. For a picture or two in a deep layer it
// is faster, too: the transformed filter is four times as long, and it comes from memory for a handful of tiles.
bool winogradFor(const Call& call, const Convolution& g, size_t direct) {
  const long tiles = g.n * ((g.oh + 3) / 4) * ((g.ow + 3) / 4);
  return !call.flag(direct) && tiles > 8 && kernels->winogradFits(g);
}

// [n, h, w, c, kh, kw, strideY, strideX, padTop, padLeft, oh, ow]
PoolWindow windowAt(const Call& call, size_t at) {
  long v[12];
  call.wholes(at, "the geometry", 12, v);
  for (int i = 0; i < 12; ++i) {
    const bool pad = i == 8 || i == 9;
    if (v[i] < (pad ? 0 : 1)) call.refuse("every length and step of the geometry must be at least 1, a padding 0");
  }
  return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]};
}

Images imagesAt(const Call& call, size_t at) {
  long v[4];
  call.wholes(at, "the shape", 4, v);
  for (const long length : v) {
    if (length < 1) call.refuse("every length of the shape must be at least 1");
  }
  return {v[0], v[1], v[2], v[3]};
}

// ---------------------------------------------------------------------------------------------- the engine itself

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

// --------------------------------------------------------------------------------------------------- convolutions

void packedFloats(Call& call) {
  const Convolution g = convolutionAt(call, 0);
  filterLength(g);
  call.give(static_cast<double>(packedLength(*kernels, g, winogradFor(call, g, 1))));
}

void pack(Call& call) {
  const Convolution g = convolutionAt(call, 0);
  const bool winograd = winogradFor(call, g, 1);
  kernels->pack(*team, g, winograd, call.flag(2), call.floats(3, "the filter", filterLength(g)),
                call.floats(4, "the packed filter", packedLength(*kernels, g, winograd)));
}

void convolve(Call& call) {
  const Convolution g = convolutionAt(call, 0);
  const bool winograd = winogradFor(call, g, 1);
  const bool pool = !call.missing(6);
  const long length = pool ? product({g.n, g.oh / 2, g.ow / 2, g.co}) : resultLength(g);
  if (length == 0) call.refuse("no block of 2x2 results to pool");
  const Epilogue after{call.floatsOrNull(4, "the bias", g.co), call.flag(5),
                       pool ? call.bytes(6, "the places", length) : nullptr};
  kernels->convolve(*team, g, winograd, call.floats(2, "x", imageLength(g)),
                    call.floats(3, "the packed filter", packedLength(*kernels, g, winograd)), after,
                    call.floats(7, "y", length));
}

void filterGradient(Call& call) {
  const Convolution g = convolutionAt(call, 0);
  if (g.dilationY != 1 || g.dilationX != 1) call.refuse("images with zeros between their pixels have no gradient here");
  kernels->filterGradient(*team, g, winogradFor(call, g, 1), call.floats(2, "x", imageLength(g)),
                          call.floats(3, "dy", resultLength(g)), call.floats(4, "dw", filterLength(g)));
}

// --------------------------------------------------------------------------------------------------- dense layers

void denseForward(Call& call) {
  const long rows = call.whole(0, "rows", 1), inputs = call.whole(1, "inputs", 1), outputs = call.whole(2, "outputs", 1);
  kernels->denseForward(*team, rows, inputs, outputs, call.floats(3, "x", product({rows, inputs})),
                        call.floats(4, "w", product({inputs, outputs})), call.floatsOrNull(5, "the bias", outputs),
                        call.flag(6), call.floats(7, "y", product({rows, outputs})));
}

void denseInputGradient(Call& call) {
  const long rows = call.whole(0, "rows", 1), inputs = call.whole(1, "inputs", 1), outputs = call.whole(2, "outputs", 1);
  kernels->denseInputGradient(*team, rows, inputs, outputs, call.floats(3, "dy", product({rows, outputs})),
                              call.floats(4, "w", product({inputs, outputs})),
                              call.floats(5, "dx", product({rows, inputs})));
}

void denseWeightGradient(Call& call) {
  const long rows = call.whole(0, "rows", 1), inputs = call.whole(1, "inputs", 1), outputs = call.whole(2, "outputs", 1);
  kernels->denseWeightGradient(*team, rows, inputs, outputs, call.floats(3, "x", product({rows, inputs})),
                               call.floats(4, "dy", product({rows, outputs})),
                               call.floats(5, "dw", product({inputs, outputs})));
}

// ------------------------------------------------------------------------------------------------- element by element

void reluBiasGradient(Call& call) {
  const long rows = call.whole(0, "rows", 1), c = call.whole(1, "channels", 1), size = product({rows, c});
  const float* y = call.floatsOrNull(3, "y", size);
  kernels->reluBiasGradient(*team, rows, c, call.floats(2, "dy", size), y,
                            y == nullptr ? nullptr : call.floats(4, "z", size), call.floats(5, "db", c));
}

void unary(Call& call) {
  const long op = call.whole(0, "the operation");
  if (op >= UNARY_KINDS) call.refuse("there is no such operation");
  long size;
  const float* x = call.anyFloats(1, "x", size);
  kernels->unary(*team, static_cast<int>(op), size, x, call.number(2), call.number(3), call.floats(4, "y", size));
}

// How far a factor of a binary operation moves for each row and column of the result, and how long it then is.
struct Factor {
  long row, column, length;
  Factor(const Call& call, size_t at, long rows, long c) {
    const long kind = call.whole(at, "a factor's kind");
    if (kind > 3) call.refuse("a factor is whole (0), a row (1), a column (2) or a scalar (3)");
    row = kind == 0 ? c : kind == 2 ? 1 : 0;
    column = kind < 2 ? 1 : 0;
    length = kind == 0 ? product({rows, c}) : kind == 1 ? c : kind == 2 ? rows : 1;
  }
};

void binary(Call& call) {
  const long op = call.whole(0, "the operation"), rows = call.whole(1, "rows", 1), c = call.whole(2, "columns", 1);
  if (op >= BINARY_KINDS) call.refuse("there is no such operation");
  const Factor a(call, 3, rows, c), b(call, 5, rows, c);
  kernels->binary(*team, static_cast<int>(op), rows, c, call.floats(4, "a", a.length), a.row, a.column,
                  call.floats(6, "b", b.length), b.row, b.column, call.floats(7, "y", product({rows, c})));
}

void reduceRows(Call& call) {
  const long op = call.whole(0, "the operation"), rows = call.whole(1, "rows", 1), c = call.whole(2, "columns", 1);
  if (op >= REDUCE_KINDS) call.refuse("there is no such operation");
  kernels->reduceRows(*team, static_cast<int>(op), rows, c, call.floats(3, "x", product({rows, c})), call.number(4),
                      call.floats(5, "y", rows));
}

void sumColumns(Call& call) {
  const long rows = call.whole(0, "rows", 1), c = call.whole(1, "columns", 1);
  kernels->sumColumns(*team, rows, c, call.floats(2, "x", product({rows, c})), call.number(3), call.floats(4, "y", c));
}

void softmax(Call& call) {
  const long rows = call.whole(0, "rows", 1), c = call.whole(1, "columns", 1), size = product({rows, c});
  kernels->softmax(*team, rows, c, call.floats(2, "x", size), call.floats(3, "y", size));
}

void transpose(Call& call) {
  const long count = call.whole(0, "matrices", 1), rows = call.whole(1, "rows", 1), c = call.whole(2, "columns", 1);
  const long size = product({count, rows, c});
  kernels->transpose(*team, count, rows, c, call.floats(3, "x", size), call.floats(4, "y", size));
}

// -------------------------------------------------------------------------------------------- batch norm and pools

void channelMoments(Call& call) {
  const long rows = call.whole(0, "rows", 1), c = call.whole(1, "channels", 1);
  kernels->channelMoments(*team, rows, c, call.floats(2, "x", product({rows, c})), call.floats(3, "mean", c),
                          call.floats(4, "variance", c));
}

long pooledLength(const Images& g, bool pool) {
  return pool ? product({g.n, g.h / 2, g.w / 2, g.c}) : product({g.n, g.h, g.w, g.c});
}

void scaleShift(Call& call) {
  const Images g = imagesAt(call, 0);
  const bool pool = call.flag(5);
  kernels->scaleShift(*team, g, call.floats(1, "x", pooledLength(g, false)), call.floats(2, "scale", g.c),
                      call.floats(3, "shift", g.c), call.flag(4), pool, call.floats(6, "y", pooledLength(g, pool)));
}

void batchNormGradient(Call& call) {
  const Images g = imagesAt(call, 0);
  const bool relu = call.flag(1), pool = call.flag(2);
  const NormalizedWay way{g,
                          relu,
                          pool,
                          call.floats(3, "x", pooledLength(g, false)),
                          call.floats(4, "dy", pooledLength(g, pool)),
                          call.floats(5, "scale", g.c),
                          call.floats(6, "shift", g.c)};
  kernels->batchNormGradient(*team, way, call.floats(7, "mean", g.c), call.floats(8, "inverse", g.c),
                             call.floats(9, "dgamma", g.c), call.floats(10, "dbeta", g.c),
                             call.floats(11, "dx", pooledLength(g, false)));
}

long windowInputs(const PoolWindow& g) { return product({g.n, g.h, g.w, g.c}); }
long windowResults(const PoolWindow& g) { return product({g.n, g.oh, g.ow, g.c}); }

void poolForward(Call& call) {
  const PoolWindow g = windowAt(call, 0);
  kernels->poolForward(*team, g, call.flag(1), call.floats(2, "x", windowInputs(g)),
                       call.floats(3, "y", windowResults(g)));
}

void maxPoolGradient(Call& call) {
  const PoolWindow g = windowAt(call, 0);
  product({g.h, g.w, 2});
  if (g.h * g.w > 1L << 30) call.refuse("an image of more than 2^30 pixels");
  kernels->maxPoolGradient(*team, g, call.floats(1, "x", windowInputs(g)), call.floats(2, "dy", windowResults(g)),
                           call.floats(3, "dx", windowInputs(g)));
}

void averagePoolGradient(Call& call) {
  const PoolWindow g = windowAt(call, 0);
  kernels->averagePoolGradient(*team, g, call.floats(1, "dy", windowResults(g)),
                               call.floats(2, "dx", windowInputs(g)));
}

void unpoolBiasGradient(Call& call) {
  const Images g = imagesAt(call, 0);
  const long pooled = pooledLength(g, true);
  kernels->unpoolBiasGradient(*team, g, call.floats(1, "dy", pooled), call.bytes(2, "the places", pooled),
                              call.floats(3, "z", pooledLength(g, false)), call.floats(4, "db", g.c));
}

// ------------------------------------------------------------------------------------------------- training

double rateAt(const Call& call, size_t at) {
  const double rate = call.real(at);
  if (!(rate >= 0 && rate < 1)) call.refuse("the rate must be from 0 to below 1");
  return rate;
}

void dropout(Call& call) {
  const int* words = call.ints(0, "the state", 4);
  const uint32_t state[4] = {static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1]),
                             static_cast<uint32_t>(words[2]), static_cast<uint32_t>(words[3])};
  long size;
  float* x = call.anyFloats(2, "x", size);
  kernels->dropout(*team, size, state, rateAt(call, 1), x, call.bytes(3, "the mask", size), call.floats(4, "y", size));
}

void dropoutGradient(Call& call) {
  long size;
  float* dy = call.anyFloats(1, "dy", size);
  kernels->dropoutGradient(*team, size, rateAt(call, 0), dy, call.bytes(2, "the mask", size),
                           call.floats(3, "dx", size));
}

void sgdStep(Call& call) {
  long size;
  float* w = call.anyFloats(0, "w", size);
  call.give(kernels->sgdStep(*team, size, w, call.floats(1, "the gradient", size),
                             call.floatsOrNull(2, "the velocity", size), call.number(3), call.number(4), call.number(5),
                             call.flag(6)));
}

void adamStep(Call& call) {
  long size;
  float* w = call.anyFloats(0, "w", size);
  const Adam adam{call.number(4), call.number(5), call.number(6), call.number(7), call.number(8), call.number(9)};
  call.give(kernels->adamStep(*team, size, w, call.floats(1, "the gradient", size), call.floats(2, "the mean", size),
                              call.floats(3, "the square", size), adam));
}

void crossEntropy(Call& call) {
  const long rows = call.whole(0, "rows", 1), classes = call.whole(1, "classes", 1), size = product({rows, classes});
  kernels->crossEntropy(rows, classes, call.floats(2, "the logits", size), call.ints(3, "the labels", rows),
                        call.number(4), call.floats(5, "dx", size), call.floats(6, "the loss", rows),
                        call.floats(7, "correct", rows));
}

// --------------------------------------------------------------------------------------------------------------

using Function = void (*)(Call&);
struct Entry {
  const char* name;
  Function function;
};

constexpr Entry ENTRIES[] = {
    {"start", start},
    {"instructionSets", listInstructionSets},
    {"release", release},
    {"address", address},
    {"hugePages", hugePages},
    {"peak", peak},
    {"packedFloats", packedFloats},
    {"pack", pack},
    {"convolve", convolve},
    {"filterGradient", filterGradient},
    {"denseForward", denseForward},
    {"denseInputGradient", denseInputGradient},
    {"denseWeightGradient", denseWeightGradient},
    {"reluBiasGradient", reluBiasGradient},
    {"unary", unary},
    {"binary", binary},
    {"reduceRows", reduceRows},
    {"sumColumns", sumColumns},
    {"softmax", softmax},
    {"transpose", transpose},
    {"channelMoments", channelMoments},
    {"scaleShift", scaleShift},
    {"batchNormGradient", batchNormGradient},
    {"poolForward", poolForward},
    {"maxPoolGradient", maxPoolGradient},
    {"averagePoolGradient", averagePoolGradient},
    {"unpoolBiasGradient", unpoolBiasGradient},
    {"dropout", dropout},
    {"dropoutGradient", dropoutGradient},
    {"sgdStep", sgdStep},
    {"adamStep", adamStep},
    {"crossEntropy", crossEntropy},
};

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
  for (const Entry& entry : ENTRIES) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, enter, const_cast<Entry*>(&entry), &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
