// What is done to values one by one or row by row, and the steps of training, for JavaScript.
#include "addon.h"

namespace {

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

}  // namespace

std::vector<Entry> valueEntries() {
  return {
      {"reluBiasGradient", reluBiasGradient},
      {"unary", unary},
      {"binary", binary},
      {"reduceRows", reduceRows},
      {"sumColumns", sumColumns},
      {"softmax", softmax},
      {"transpose", transpose},
      {"dropout", dropout},
      {"dropoutGradient", dropoutGradient},
      {"sgdStep", sgdStep},
      {"adamStep", adamStep},
      {"crossEntropy", crossEntropy},
  };
}
