// main() of every fuzz target outside the fuzz preset: feeds each file of the corpus folder (argv[1]) and a bounded number of
// seeded mutations of them to LLVMFuzzerTestOneInput, so that every build runs every target the same way. With an empty or
// missing folder it mutates random bytes. RINGSIDE_FUZZ_RUNS sets the number of mutations (default 2000),
// RINGSIDE_FUZZ_SEED the seed. An input that crashes is left in ringside-fuzz-input.bin of the working directory.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;
constexpr size_t kLongestInput = 1 << 20;

// The input being tried, for the signal handler: a crash must leave its cause behind.
const Input* current_input = nullptr;

void save_input(int signal) {
  const int file = open("ringside-fuzz-input.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && current_input) {
    [[maybe_unused]] const ssize_t written = write(file, current_input->data(), current_input->size());
    close(file);
  }
  raise(signal);  // SA_RESETHAND: now the default action
}

void catch_crashes() {
  struct sigaction action = {};
  action.sa_handler = save_input;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) sigaction(signal, &action, nullptr);
}

void try_input(const Input& input) {
  const Input exact(input);  // its own allocation of just this size, so that sanitizers see one byte too many
  current_input = &exact;
  alarm(60);  // a hang is a finding too
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  alarm(0);
  current_input = nullptr;
}

std::vector<Input> read_corpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  if (folder)
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      if (entry.is_regular_file()) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> corpus;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// Deterministic on every host: only the generator's raw numbers are used, no distribution.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  Input random_bytes() {
    Input input(below(512));
    for (auto& byte : input) byte = static_cast<uint8_t>(random_());
    return input;
  }

  Input mutate(const std::vector<Input>& corpus) {
    Input input = corpus.empty() ? random_bytes() : corpus[below(corpus.size())];
    for (uint64_t steps = 1 + below(8); steps; --steps) step(input, corpus);
    if (input.size() > kLongestInput) input.resize(kLongestInput);
    return input;
  }

 private:
  uint64_t below(uint64_t bound) { return bound ? random_() % bound : 0; }

  void step(Input& input, const std::vector<Input>& corpus) {
    static constexpr uint64_t kEdges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, ~0ull, 1ull << 63};
    const size_t at = below(input.size() + 1), room = input.size() - at;
    switch (below(8)) {
      case 0: if (room) input[at] ^= static_cast<uint8_t>(1u << below(8)); break;
      case 1: if (room) input[at] = static_cast<uint8_t>(random_()); break;
      case 2: input.resize(at); break;
      case 3: input.erase(input.begin() + static_cast<long>(at), input.begin() + static_cast<long>(at + below(std::min<size_t>(room, 64) + 1))); break;
      case 4: {
        const Input more = random_bytes();
        input.insert(input.begin() + static_cast<long>(at), more.begin(), more.begin() + static_cast<long>(below(more.size() + 1)));
        break;
      }
      case 5: {  // an edge value of 1 to 8 bytes
        const uint64_t value = kEdges[below(std::size(kEdges))];
        for (size_t i = 0, size = size_t{1} << below(4); i < std::min(size, room); ++i) input[at + i] = static_cast<uint8_t>(value >> (8 * i));
        break;
      }
      case 6: {  // the rest of another input
        if (corpus.empty()) break;
        const Input& other = corpus[below(corpus.size())];
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<long>(below(other.size() + 1)), other.end());
        break;
      }
      case 7: {  // a piece twice
        const Input piece(input.begin() + static_cast<long>(at), input.begin() + static_cast<long>(at + below(std::min<size_t>(room, 256) + 1)));
        input.insert(input.begin() + static_cast<long>(below(input.size() + 1)), piece.begin(), piece.end());
        break;
      }
    }
  }

  std::mt19937_64 random_;
};

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 0) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = read_corpus(argc > 1 ? argv[1] : nullptr);
  const uint64_t runs = from_environment("RINGSIDE_FUZZ_RUNS", 2000), seed = from_environment("RINGSIDE_FUZZ_SEED", 1);
  catch_crashes();
  try_input({});
  for (const auto& input : corpus) try_input(input);
  Mutator mutator(seed);
  for (uint64_t i = 0; i < runs; ++i) try_input(mutator.mutate(corpus));
  std::printf("%zu corpus files and %llu mutations, seed %llu\n", corpus.size(), static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(seed));
}
