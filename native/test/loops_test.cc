// Element by element: unary and binary operations, and the transposition.
#include <cmath>
#include <limits>

#include "check.h"

namespace {

constexpr float INFINITE = std::numeric_limits<float>::infinity();
const float NOT_A_NUMBER = std::nanf("");

const char* const UNARY_NAMES[UNARY_KINDS] = {"relu", "relu6", "step",       "square", "sqrt", "rsqrt",
                                              "neg",  "abs",   "reciprocal", "clip",   "scale"};
const char* const BINARY_NAMES[BINARY_KINDS] = {"add", "sub", "mul", "div", "maximum", "minimum", "squaredDifference"};

void checkUnary(int op, const Floats& x, float a, float b) {
  const long size = static_cast<long>(x.size());
  check({std::string("unary ") + UNARY_NAMES[op], text({size}), TOLERANCE, {reference::unary(op, x, a, b)},
         [&](Run& run) { run.kernels.unary(run.team, op, size, x.data(), a, b, run.out(0)); }});
}

void testUnary(Random& random) {
  for (int op = 0; op < UNARY_KINDS; ++op) {
    const float a = op == UNARY_CLIP ? -0.3f : 0.7f, b = 0.4f;
    for (const long size : {1, 3, 15, 16, 17, 33, 1000, 16383, 16384, 16385, 40000}) {
      Floats x = random.values(size);
      for (float& v : x) {
        if (op == UNARY_RELU6) v *= 9;
        // Roots of what has one; nothing that a single value is lost beside.
        if (op == UNARY_SQRT) v = std::fabs(v);
        if (op == UNARY_RSQRT || op == UNARY_RECIPROCAL) v = std::fabs(v) + 0.25f;
        if (op == UNARY_RECIPROCAL && random.chance()) v = -v;
      }
      checkUnary(op, x, a, b);
    }
    // More than two vectors of each, so that loops and their rests both see them.
    Floats special;
    for (long i = 0; i < 41; ++i) {
      special.insert(special.end(), {NOT_A_NUMBER, INFINITE, -INFINITE, 0.0f, -0.0f, 1.0f, 6.0f, 7.0f, -0.3f, 0.4f});
    }
    special.shrink_to_fit();
    checkUnary(op, special, a, b);
  }
}

// How a factor lies: whole, a row, a column, a scalar.
struct Factor {
  const char* name;
  long row, column, length;
};
Factor factorOf(int kind, long rows, long c) {
  switch (kind) {
    case 0: return {"whole", c, 1, rows * c};
    case 1: return {"row", 0, 1, c};
    case 2: return {"column", 1, 0, rows};
    default: return {"scalar", 0, 0, 1};
  }
}

void checkBinary(int op, long rows, long c, const Factor& p, const Floats& a, const Factor& q, const Floats& b) {
  check({std::string("binary ") + BINARY_NAMES[op], text({rows, c}) + " " + p.name + ", " + q.name, TOLERANCE,
         {reference::binary(op, rows, c, a, p.row, p.column, b, q.row, q.column)}, [&](Run& run) {
           run.kernels.binary(run.team, op, rows, c, a.data(), p.row, p.column, b.data(), q.row, q.column, run.out(0));
         }});
}

void testBinary(Random& random) {
  const long shapes[][2] = {{1, 1}, {3, 5}, {7, 16}, {1000, 3}, {130, 129}, {2, 16385}, {1, 33000}, {17000, 1}};
  for (int op = 0; op < BINARY_KINDS; ++op) {
    for (const auto& [rows, c] : shapes) {
      for (int kinds = 0; kinds < 16; ++kinds) {
        if (few && rows * c > 100 && (kinds + rows) % 3 != 0) continue;
        const Factor p = factorOf(kinds / 4, rows, c), q = factorOf(kinds % 4, rows, c);
        const Floats a = random.values(p.length);
        Floats b = random.values(q.length);
        // No quotient beside which all others are nothing.
        if (op == BINARY_DIV) {
          for (float& v : b) v += v < 0 ? -0.25f : 0.25f;
        }
        checkBinary(op, rows, c, p, a, q, b);
      }
    }
    // Every special value with every other one.
    const Floats special = {NOT_A_NUMBER, INFINITE, -INFINITE, 0.0f, -0.0f, 1.0f, -2.0f};
    const long count = static_cast<long>(special.size());
    checkBinary(op, count, count, factorOf(2, count, count), special, factorOf(1, count, count), special);
  }
}

void testTranspose(Random& random) {
  const long shapes[][3] = {{1, 1, 1},   {1, 1, 77},   {1, 77, 1},     {3, 2, 5},     {2, 31, 33},
                            {5, 32, 32}, {1, 64, 100}, {50, 9, 16}, {1, 1000, 10}, {2, 65, 129}};
  for (const auto& [count, rows, columns] : shapes) {
    const Floats x = random.values(count * rows * columns);
    check({"transpose", text({count, rows, columns}), EXACT, {reference::transpose(count, rows, columns, x)},
           [&, count = count, rows = rows, columns = columns](Run& run) {
             run.kernels.transpose(run.team, count, rows, columns, x.data(), run.out(0));
           }});
  }
}

// What a kernel sets for its own speed must not stay behind.
void testMode(Random& random) {
  const Floats x = random.values(40000);
  volatile float tiny = 1e-40f;
  check({"unary keeps denormals outside", "", TOLERANCE, {reference::unary(UNARY_SCALE, x, 0.5f, 0)}, [&](Run& run) {
           run.kernels.unary(run.team, UNARY_SCALE, static_cast<long>(x.size()), x.data(), 0.5f, 0, run.out(0));
           if (!(tiny * 0.5f > 0)) run.out(0)[0] = NOT_A_NUMBER;
         }});
}

}  // namespace

void testLoops() {
  Random random(4);
  testUnary(random);
  testBinary(random);
  testTranspose(random);
  testMode(random);
}
