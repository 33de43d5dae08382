// Layers and their gradients, for JavaScript: convolutions, dense layers, batch norm and pools.
#include "addon.h"

namespace {

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

}  // namespace

std::vector<Entry> layerEntries() {
  return {
      {"packedFloats", packedFloats},
      {"pack", pack},
      {"convolve", convolve},
      {"filterGradient", filterGradient},
      {"denseForward", denseForward},
      {"denseInputGradient", denseInputGradient},
      {"denseWeightGradient", denseWeightGradient},
      {"channelMoments", channelMoments},
      {"scaleShift", scaleShift},
      {"batchNormGradient", batchNormGradient},
      {"poolForward", poolForward},
      {"maxPoolGradient", maxPoolGradient},
      {"averagePoolGradient", averagePoolGradient},
      {"unpoolBiasGradient", unpoolBiasGradient},
  };
}
