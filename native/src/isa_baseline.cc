// What every processor of the architecture has: SSE2 (16 registers of 4 floats, no FMA) or NEON (32 of 4, with FMA).
#include "kernels.h"

#define VGG_LANES 4
#define VGG_NV 2
#if defined(__aarch64__)
#define VGG_NAME "NEON"
#define VGG_MR 8
#define VGG_SR 8
#elif defined(__x86_64__)
#define VGG_NAME "SSE2"
#define VGG_MR 4
#define VGG_SR 4
#else
#define VGG_NAME "generic"
#define VGG_MR 4
#define VGG_SR 4
#endif

namespace baseline {
#include "isa/all.h"
}

const Kernels* baselineKernels() { return &baseline::TABLE; }
