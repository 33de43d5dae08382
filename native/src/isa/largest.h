// The largest of a 2x2 block of results, and where it is: max-pooling without the unpooled results ever being in memory.

// NaN wins, so that a training that diverges is seen to. Equals: the first in reading order, as in TensorFlow.js and
// PyTorch.
static inline void storeLargest(Vec a, Vec b, Vec c, Vec d, bool relu, float* y, unsigned char* places) {
  Vec best = a;
  IntVec place{};
  const auto consider = [&](Vec value, int at) {
    const IntVec wins = (value > best) | (value != value);
    best = wins ? value : best;
    place = wins ? IntVec{} + at : place;
  };
  consider(b, 1);
  consider(c, 2);
  consider(d, 3);
  if (relu) {
    place = best > Vec{} ? place : IntVec{} + static_cast<int>(PLACE_NONE);
    best = best < Vec{} ? Vec{} : best;
  }
  store(y, best);
  storeBytes(places, place);
}

// The same for one channel.
static inline void storeLargestOne(const float (&block)[4], bool relu, float* y, unsigned char* places) {
  float best = block[0];
  int place = 0;
  for (int k = 1; k < 4; ++k) {
    if (block[k] > best || block[k] != block[k]) best = block[k], place = k;
  }
  if (relu && !(best > 0)) place = PLACE_NONE;
  *y = relu && best < 0 ? 0 : best;
  *places = static_cast<unsigned char>(place);
}
