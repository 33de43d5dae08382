#include "call.h"

#include <cmath>

Call::Call(napi_env env, napi_callback_info info, const char* name) : env_(env), name_(name) {
  napi_get_cb_info(env, info, &count_, arguments_, nullptr, nullptr);
}

void Call::refuse(const std::string& message) const { throw Refused{std::string("native ") + name_ + ": " + message}; }

bool Call::missing(size_t at) const {
  if (at >= count_) return true;
  napi_valuetype type;
  napi_typeof(env_, arguments_[at], &type);
  return type == napi_null || type == napi_undefined;
}

float Call::number(size_t at) const { return static_cast<float>(real(at)); }

double Call::real(size_t at) const {
  double value;
  if (at >= count_ || napi_get_value_double(env_, arguments_[at], &value) != napi_ok) {
    refuse("argument " + std::to_string(at) + " must be a number");
  }
  return value;
}

long Call::whole(size_t at, const char* what, long from) const {
  double value;
  if (at >= count_ || napi_get_value_double(env_, arguments_[at], &value) != napi_ok || value != std::floor(value) ||
      value < static_cast<double>(from) || value > 1e12) {
    refuse(std::string(what) + " must be a whole number from " + std::to_string(from) + " on");
  }
  return static_cast<long>(value);
}

bool Call::flag(size_t at) const {
  bool value;
  if (at >= count_ || napi_get_value_bool(env_, arguments_[at], &value) != napi_ok) {
    refuse("argument " + std::to_string(at) + " must be true or false");
  }
  return value;
}

std::string Call::text(size_t at) const {
  char buffer[64];
  size_t length = 0;
  if (at >= count_ || napi_get_value_string_utf8(env_, arguments_[at], buffer, sizeof buffer, &length) != napi_ok) {
    refuse("argument " + std::to_string(at) + " must be a string");
  }
  return std::string(buffer, length);
}

void* Call::array(size_t at, const char* what, napi_typedarray_type wanted, const char* typeName, long& length) const {
  napi_typedarray_type type;
  size_t count;
  void* data;
  if (at >= count_ ||
      napi_get_typedarray_info(env_, arguments_[at], &type, &count, &data, nullptr, nullptr) != napi_ok ||
      type != wanted) {
    refuse(std::string(what) + " must be " + typeName);
  }
  length = static_cast<long>(count);
  return data;
}

float* Call::anyFloats(size_t at, const char* what, long& length) const {
  return static_cast<float*>(array(at, what, napi_float32_array, "a Float32Array", length));
}

float* Call::floats(size_t at, const char* what, long length) const {
  long count;
  float* data = anyFloats(at, what, count);
  if (count != length) {
    refuse(std::string(what) + " has " + std::to_string(count) + " values, its shape says " + std::to_string(length));
  }
  return data;
}

float* Call::floatsOrNull(size_t at, const char* what, long length) const {
  return missing(at) ? nullptr : floats(at, what, length);
}

int* Call::ints(size_t at, const char* what, long length) const {
  long count;
  void* data = array(at, what, napi_int32_array, "an Int32Array", count);
  if (count != length) {
    refuse(std::string(what) + " has " + std::to_string(count) + " values, its shape says " + std::to_string(length));
  }
  return static_cast<int*>(data);
}

unsigned char* Call::bytes(size_t at, const char* what, long length) const {
  long count;
  void* data = array(at, what, napi_uint8_array, "a Uint8Array", count);
  if (count != length) {
    refuse(std::string(what) + " has " + std::to_string(count) + " values, its shape says " + std::to_string(length));
  }
  return static_cast<unsigned char*>(data);
}

void Call::wholes(size_t at, const char* what, long count, long* out) const {
  const int* values = ints(at, what, count);
  for (long i = 0; i < count; ++i) out[i] = values[i];
}

uintptr_t Call::address(size_t at) const {
  void* data;
  size_t length;
  if (at >= count_ || napi_get_arraybuffer_info(env_, arguments_[at], &data, &length) != napi_ok) {
    refuse("argument " + std::to_string(at) + " must be an ArrayBuffer");
  }
  return reinterpret_cast<uintptr_t>(data);
}

void Call::give(double value) { napi_create_double(env_, value, &result_); }

void Call::give(const std::string& value) {
  napi_create_string_utf8(env_, value.c_str(), value.size(), &result_);
}

void Call::giveList(const std::string* values, size_t count) {
  napi_create_array_with_length(env_, count, &result_);
  for (size_t i = 0; i < count; ++i) {
    napi_value item;
    napi_create_string_utf8(env_, values[i].c_str(), values[i].size(), &item);
    napi_set_element(env_, result_, static_cast<uint32_t>(i), item);
  }
}

long product(std::initializer_list<long> lengths) {
  long total = 1;
  for (const long length : lengths) {
    if (length < 0 || __builtin_mul_overflow(total, length, &total) || total > (1L << 40)) {
      throw Refused{"native: a shape is negative or too large"};
    }
  }
  return total;
}
