#include "options.h"

#include <cerrno>
#include <cstdlib>

#include "npy.h"

namespace runner {

const char* const kHelp =
    "Usage: tilewright-run MODEL.tw [options]\n"
    "\n"
    "Runs a compiled artifact on arrays in .npy files. Needs neither Python nor a compiler.\n"
    "\n"
    "  --input [NAME=]FILE.npy    an input; without a name, in the model's order\n"
    "  --output [NAME=]FILE.npy   where an output goes; without a name, in the model's order\n"
    "  --describe                 print inputs, outputs and sizes, and end\n"
    "  --manifest                 print all that the artifact says of itself as JSON, and end\n"
    "  --repeat N                 run N times and print the times\n"
    "  --threads N                threads to use; all cores by default\n"
    "  --device NAME              where to run; what the artifact was compiled for by default\n"
    "  --trust-weights            do not check the weights' checksum: loads large models faster\n"
    "  --version                  print the version, and end\n"
    "  -h, --help                 print this, and end\n"
    "\n"
    "Exit codes: 0 done, 2 wrong usage, 3 a bad .npy file, 4 a bad artifact, 5 a failed run.\n"
    "Artifacts hold machine code: run only those that you trust.\n";

namespace {

class Words {
 public:
  Words(int count, char** words) : words_(words + 1, words + count) {}

  bool next(std::string* word) {
    if (at_ == words_.size()) return false;
    *word = words_[at_++];
    attached_ = word->compare(0, 2, "--") == 0 ? word->find('=') : std::string::npos;
    if (attached_ != std::string::npos) {  // --option=value
      value_ = word->substr(attached_ + 1);
      word->resize(attached_);
    }
    return true;
  }

  bool has_attached() const { return attached_ != std::string::npos; }

  std::string value(const std::string& option) {
    if (has_attached()) return value_;
    if (at_ == words_.size()) throw Failure(kWrongUsage, option + " takes a value; see --help");
    return words_[at_++];
  }

  int64_t number(const std::string& option) {
    const std::string text = value(option);
    char* end = nullptr;
    errno = 0;
    const long long found = std::strtoll(text.c_str(), &end, 10);
    if (errno || text.empty() || *end || found < 1 || found > 1000000000)
      throw Failure(kWrongUsage, option + ": got " + text + "; it must be a number from 1 up");
    return found;
  }

 private:
  std::vector<std::string> words_;
  size_t at_ = 0, attached_ = std::string::npos;
  std::string value_;
};

NamedFile named_file(const std::string& text) {
  const size_t at = text.find('=');
  if (at == std::string::npos) return {"", text};
  return {text.substr(0, at), text.substr(at + 1)};
}

bool set_flag(Options& options, const std::string& word) {
  if (word == "--describe") options.describe = true;
  else if (word == "--manifest") options.manifest = true;
  else if (word == "--trust-weights") options.trust = true;
  else if (word == "--version") options.version = true;
  else if (word == "--help" || word == "-h") options.help = true;
  else return false;
  return true;
}

}  // namespace

Options parse_options(int count, char** arguments) {
  Options options;
  Words words(count, arguments);
  for (std::string word; words.next(&word);) {
    if (word.empty() || word[0] != '-') {
      if (!options.model.empty())
        throw Failure(kWrongUsage, "got two models, " + options.model + " and " + word);
      options.model = word;
    } else if (set_flag(options, word)) {
      if (words.has_attached()) throw Failure(kWrongUsage, word + " takes no value");
    } else if (word == "--input" || word == "-i") {
      options.inputs.push_back(named_file(words.value(word)));
    } else if (word == "--output" || word == "-o") {
      options.outputs.push_back(named_file(words.value(word)));
    } else if (word == "--repeat") {
      options.repeat = words.number(word);
    } else if (word == "--threads") {
      options.threads = int32_t(words.number(word));
    } else if (word == "--device") {
      options.device = words.value(word);
    } else {
      throw Failure(kWrongUsage, "unknown option " + word + "; see --help");
    }
  }
  if (options.model.empty() && !options.help && !options.version)
    throw Failure(kWrongUsage, "got no model; see --help");
  return options;
}

}  // namespace runner
