#pragma once
#include <node_api.h>

#include <string>

// What a JavaScript program did wrong; it becomes a RangeError there.
struct Refused {
  std::string message;
};

// One call from JavaScript: its arguments, checked as they are read. A kernel trusts what it gets, so every array is
// compared here with the length that the shapes ask for.
class Call {
 public:
  Call(napi_env env, napi_callback_info info, const char* name);

  // The whole number at a place, from `from` on.
  long whole(size_t at, const char* what, long from = 0) const;
  float number(size_t at) const;
  double real(size_t at) const;
  bool flag(size_t at) const;
  std::string text(size_t at) const;
  bool missing(size_t at) const;
  // Whole numbers from an Int32Array, as many as given.
  void wholes(size_t at, const char* what, long count, long* out) const;
  // A Float32Array of exactly this length.
  float* floats(size_t at, const char* what, long length) const;
  // The same, or null for JavaScript's null.
  float* floatsOrNull(size_t at, const char* what, long length) const;
  // A Float32Array of any length.
  float* anyFloats(size_t at, const char* what, long& length) const;
  int* ints(size_t at, const char* what, long length) const;
  // A Uint8Array of exactly this length.
  unsigned char* bytes(size_t at, const char* what, long length) const;
  // Where an ArrayBuffer's memory begins.
  uintptr_t address(size_t at) const;

  void refuse(const std::string& message) const;

  void give(double value);
  void give(const std::string& value);
  void giveList(const std::string* values, size_t count);
  napi_value result() const { return result_; }

 private:
  void* array(size_t at, const char* what, napi_typedarray_type type, const char* typeName, long& length) const;

  static constexpr size_t MOST = 16;
  napi_env env_;
  const char* name_;
  size_t count_ = MOST;
  napi_value arguments_[MOST];
  napi_value result_ = nullptr;
};

// The product of lengths; refuses what no memory could hold.
long product(std::initializer_list<long> lengths);
