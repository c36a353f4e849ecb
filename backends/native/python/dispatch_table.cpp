#include "dispatch_table.h"

#include <cstring>

namespace tilewright {

int64_t DispatchTable::current_epoch = 0;

std::vector<std::unique_ptr<DispatchTable::Entry>>& DispatchTable::bucket(uint64_t hash) {
  return buckets_[hash % kBuckets];
}

DispatchTable::Entry* DispatchTable::find(const CallKey& key) {
  if (buckets_.empty()) return nullptr;
  for (const std::unique_ptr<Entry>& entry : bucket(key.hash)) {
    if (entry->hash != key.hash || entry->key.size() != size_t(key.length) ||
        std::memcmp(entry->key.data(), key.bytes, size_t(key.length)) != 0)
      continue;
    return entry->epoch == current_epoch ? entry.get() : nullptr;
  }
  return nullptr;
}

void DispatchTable::put(const CallKey& key, Known known, Recipe* recipe) {
  if (count_ >= kMost) clear();
  if (buckets_.empty()) buckets_.resize(kBuckets);
  auto entry = std::make_unique<Entry>();
  entry->hash = key.hash;
  entry->key.assign(key.bytes, size_t(key.length));
  for (int i = 0; i < key.n_objects; ++i)
    entry->objects.push_back(py::reinterpret_borrow<py::object>(key.objects[i]));
  entry->known = known;
  entry->recipe = recipe;
  entry->epoch = current_epoch;
  for (std::unique_ptr<Entry>& place : bucket(key.hash)) {
    if (place->hash != entry->hash || place->key != entry->key) continue;
    std::swap(place, entry);  // the old one goes when the table is whole again
    if (entry->recipe) entry->recipe->release();
    return;
  }
  bucket(key.hash).push_back(std::move(entry));
  ++count_;
}

void DispatchTable::clear() {
  // What is dropped may run Python code, which may come back here.
  std::vector<std::vector<std::unique_ptr<Entry>>> old;
  old.swap(buckets_);
  count_ = 0;
  for (auto& entries : old)
    for (std::unique_ptr<Entry>& entry : entries)
      if (entry->recipe) entry->recipe->release();
}

size_t DispatchTable::recipes() const {
  size_t found = 0;
  for (const auto& entries : buckets_)
    for (const std::unique_ptr<Entry>& entry : entries) found += entry->known == Known::Recipe;
  return found;
}

}  // namespace tilewright
