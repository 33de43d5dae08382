// AVX2 with FMA (Intel since Haswell, AMD since Zen): 16 registers of 8 floats.
#include "kernels.h"

#if defined(__x86_64__)
#pragma GCC target("avx2,fma,bmi2,prfchw")
#define VGG_NAME "AVX2"
#define VGG_LANES 8
#define VGG_MR 6
#define VGG_SR 6
#define VGG_NV 2

namespace avx2 {
#include "isa/all.h"
}

const Kernels* avx2Kernels() { return &avx2::TABLE; }
#else
const Kernels* avx2Kernels() { return nullptr; }
#endif
