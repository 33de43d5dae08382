#pragma once
#include <vector>

#include "call.h"
#include "kernels.h"

// The engine, for the life of the process: its threads end with it. There is one once `start` was called.
extern Team* team;
extern const Kernels* kernels;

// A function of the addon: it reads its arguments, checks every length, and calls the kernel. All are described in
// src/engine/native/addon.ts.
struct Entry {
  const char* name;
  void (*function)(Call&);
};
std::vector<Entry> layerEntries();
std::vector<Entry> valueEntries();
