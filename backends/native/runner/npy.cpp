#include "npy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "../api/tilewright.h"
#include "npy_header.h"

namespace runner {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicSize = 6, kMaxHeader = 1 << 20;

struct File {
  std::FILE* handle;
  ~File() {
    if (handle) std::fclose(handle);
  }
};

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Failure(kBadFile, path + ": " + why);
}

void read_exactly(const std::string& path, std::FILE* file, void* target, size_t size) {
  if (size && std::fread(target, 1, size, file) != size) refuse(path, "the file ends too early");
}

std::string read_header(const std::string& path, std::FILE* file, size_t* start) {
  unsigned char head[8];
  read_exactly(path, file, head, sizeof head);
  if (std::memcmp(head, kMagic, kMagicSize) != 0) refuse(path, "this is no .npy file");
  if (head[6] < 1 || head[6] > 3)
    refuse(path, "it has .npy version " + std::to_string(head[6]) + "; 1 to 3 can be read");
  const size_t width = head[6] == 1 ? 2 : 4;
  unsigned char length[4] = {};
  read_exactly(path, file, length, width);
  const size_t size = length[0] | length[1] << 8 | length[2] << 16 | size_t(length[3]) << 24;
  if (size > kMaxHeader) refuse(path, "its header is longer than 1 MiB");
  std::string text(size, ' ');
  read_exactly(path, file, &text[0], size);
  *start = 8 + width + size;
  return text;
}

int64_t byte_count(const std::string& path, const Array& array) {
  int64_t bytes = tilewright_dtype_bytes(array.dtype);
  for (const int64_t size : array.shape)
    if (__builtin_mul_overflow(bytes, size, &bytes)) refuse(path, "its shape is too large");
  return bytes;
}

// From Fortran's order of elements to C's.
std::vector<char> in_c_order(const Array& array) {
  const size_t item = size_t(tilewright_dtype_bytes(array.dtype)), rank = array.shape.size();
  std::vector<char> result(array.bytes.size());
  std::vector<int64_t> index(rank), strides(rank);
  int64_t step = 1;
  for (size_t axis = 0; axis < rank; ++axis) strides[axis] = step, step *= array.shape[axis];
  int64_t from = 0;
  for (size_t to = 0; to < result.size(); to += item) {
    std::memcpy(&result[to], &array.bytes[size_t(from) * item], item);
    for (size_t axis = rank; axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < array.shape[axis]) break;
      from -= strides[axis] * array.shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

// The shape, as a dictionary of three items, padded so that the data is aligned to 64 bytes.
std::string make_header(int32_t dtype, const int64_t* shape, int32_t rank) {
  std::string text = std::string("{'descr': '") + descr_of_dtype(dtype) +
                     "', 'fortran_order': False, 'shape': " + shape_text(shape, rank) + ", }";
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  const size_t size = text.size();  // a rank of 16 makes some 400 bytes: version 1 will do
  return std::string(kMagic, kMagicSize) + '\1' + '\0' + char(size & 255) + char(size >> 8) + text;
}

}  // namespace

std::string shape_text(const int64_t* shape, int32_t rank) {
  std::string text = "(";
  for (int32_t i = 0; i < rank; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (rank == 1 ? ",)" : ")");
}

Array read_npy(const std::string& path) {
  const File file{std::fopen(path.c_str(), "rb")};
  struct stat about;
  if (!file.handle || fstat(fileno(file.handle), &about)) refuse(path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) refuse(path, "this is not a regular file");
  size_t start = 0;
  const std::string text = read_header(path, file.handle, &start);
  NpyHeader header;
  try {
    header = parse_npy_header(text);
  } catch (const std::runtime_error& error) {
    refuse(path, error.what());
  }
  Array array;
  array.dtype = dtype_of_descr(header.descr);
  if (array.dtype < 0)
    refuse(path, "it holds " + header.descr + ", which is not one of the model's types");
  array.shape = header.shape;
  const int64_t bytes = byte_count(path, array);
  // Before any memory is taken.
  if (int64_t(about.st_size) != int64_t(start) + bytes)
    refuse(path, "it has " + std::to_string(about.st_size) + " bytes; its header says " +
                     std::to_string(int64_t(start) + bytes));
  array.bytes.resize(size_t(bytes));
  read_exactly(path, file.handle, array.bytes.data(), array.bytes.size());
  if (header.fortran_order && array.shape.size() > 1 && bytes) array.bytes = in_c_order(array);
  return array;
}

void write_npy(const std::string& path, int32_t dtype, const int64_t* shape, int32_t rank,
               const void* data, int64_t bytes) {
  const std::string header = make_header(dtype, shape, rank);
  std::string temporary = path + ".XXXXXX";
  const int descriptor = mkstemp(&temporary[0]);
  if (descriptor < 0) refuse(path, std::strerror(errno));
  const mode_t mask = umask(0);
  umask(mask);
  std::FILE* file = fdopen(descriptor, "wb");
  bool good = file && fchmod(descriptor, 0666 & ~mask) == 0;
  good = good && std::fwrite(header.data(), 1, header.size(), file) == header.size();
  good = good && (!bytes || std::fwrite(data, 1, size_t(bytes), file) == size_t(bytes));
  good = good && std::fflush(file) == 0;
  int problem = errno;
  if (file ? std::fclose(file) != 0 : close(descriptor) != 0) {
    problem = good ? errno : problem;
    good = false;
  }
  if (good && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  problem = good ? errno : problem;
  unlink(temporary.c_str());
  refuse(path, std::strerror(problem));
}

}  // namespace runner
