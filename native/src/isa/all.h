// One instruction set's kernels. The including file has set its target, VGG_LANES (floats of a vector), VGG_MR and
// VGG_NV (rows, and vectors, of the block of results that fits its registers; VGG_SR rows where one pointer leads to
// all), VGG_NAME, and opened its namespace.
#include "simd.h"
#include "parallel.h"
#include "micro.h"
#include "largest.h"
#include "winograd.h"
#include "winograd_gradient.h"
#include "direct.h"
#include "dense.h"
#include "loops.h"
#include "batch_norm.h"
#include "pool.h"
#include "training.h"
#include "table.h"
