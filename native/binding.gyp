{
  "targets": [
    {
      "target_name": "vggzoo",
      "sources": [
        "src/addon.cc",
        "src/addon_layers.cc",
        "src/addon_values.cc",
        "src/call.cc",
        "src/team.cc",
        "src/kernels.cc",
        "src/isa_baseline.cc",
        "src/isa_avx2.cc",
        "src/isa_avx512.cc"
      ],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
      "cflags_cc": [
        "-std=c++17",
        "-O3",
        "-Wall",
        "-Wextra",
        "-Wno-psabi",
        "-Wno-ignored-attributes",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fvisibility=hidden"
      ],
      "xcode_settings": {
        "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "OTHER_CPLUSPLUSFLAGS": ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
      }
    }
  ]
}
