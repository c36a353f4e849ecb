// From the keys of calls to recipes, for one function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "call_key.h"
#include "recipe.h"

namespace tilewright {

// What is known of a kind of call.
enum class Known : char {
  Seen,     // it has happened once
  Recipe,   // how it goes
  BySizes,  // the sizes matter: look under the key that tells them
  Never,    // Python decides each time
};

class DispatchTable {
 public:
  struct Entry {
    uint64_t hash;
    std::string key;
    std::vector<py::object> objects;  // what the key knows by identity, held
    Known known;
    Recipe* recipe;
    int64_t epoch;
  };

  ~DispatchTable() { clear(); }

  // Null if nothing is known, or what was known is outdated.
  Entry* find(const CallKey& key);

  // Remembers; takes a holder of the recipe. Forgets everything first when there is too much, as
  // where each call has another shape.
  void put(const CallKey& key, Known known, Recipe* recipe);

  void clear();
  size_t size() const { return count_; }
  size_t recipes() const;

  static void outdate_all() { ++current_epoch; }

 private:
  static int64_t current_epoch;
  static constexpr size_t kMost = 1024, kBuckets = 256;

  std::vector<std::unique_ptr<Entry>>& bucket(uint64_t hash);

  size_t count_ = 0;
  std::vector<std::vector<std::unique_ptr<Entry>>> buckets_;  // empty until the first entry
};

}  // namespace tilewright
