// AVX-512 (Intel since Skylake-SP, AMD since Zen 4): 32 registers of 16 floats.
#include "kernels.h"

#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi2,prfchw,prefer-vector-width=512")
#define VGG_NAME "AVX-512"
#define VGG_LANES 16
#define VGG_MR 8
#define VGG_SR 12
#define VGG_NV 2

namespace avx512 {
#include "isa/all.h"
}

const Kernels* avx512Kernels() { return &avx512::TABLE; }
#else
const Kernels* avx512Kernels() { return nullptr; }
#endif
