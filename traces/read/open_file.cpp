#include "traces/read/open_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "traces/base/text.h"
#include "traces/schema/crc32c.h"

namespace ringside::traces {
namespace {

template <class T>
std::optional<T> load(std::span<const uint8_t> file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

// The index, if it is there, sound, and says what a file written in order says.
std::optional<ChunkList> read_index(std::span<const uint8_t> file, uint64_t start) {
  if (file.size() < start + sizeof(Tail)) return std::nullopt;
  const uint64_t tail_at = file.size() - sizeof(Tail);
  const auto tail = load<Tail>(file, tail_at);
  if (!tail || tail->magic != kTailMagic || tail->index_offset < start || tail->index_offset > tail_at) return std::nullopt;
  const auto header = load<IndexHeader>(file, tail->index_offset);
  const uint64_t index_size = tail_at - tail->index_offset;
  if (!header || header->magic != kIndexMagic || index_size != sizeof(IndexHeader) + uint64_t{header->chunk_count} * sizeof(IndexEntry))
    return std::nullopt;
  if (crc32c(file.subspan(tail->index_offset, index_size)) != tail->index_crc) return std::nullopt;

  ChunkList list{.entries = {}, .from_index = true};
  uint64_t offset = start;
  for (uint32_t i = 0; i < header->chunk_count; ++i) {
    const auto entry = *load<IndexEntry>(file, tail->index_offset + sizeof(IndexHeader) + i * sizeof(IndexEntry));
    if (entry.offset != offset || entry.sequence != i || entry.first_ordinal != list.event_count ||
        entry.stored_size > tail->index_offset - offset)
      return std::nullopt;
    offset += entry.stored_size;
    list.event_count += entry.event_count;
    list.entries.push_back(entry);
  }
  if (offset != tail->index_offset || list.event_count != header->event_count) return std::nullopt;
  return list;
}

// The next place at or after `from` where a chunk might begin; the file's end if there is none.
uint64_t next_magic(std::span<const uint8_t> file, uint64_t from) {
  const uint32_t magic = kChunkMagic;
  const void* found = from < file.size() ? memmem(file.data() + from, file.size() - from, &magic, sizeof magic) : nullptr;
  return found ? static_cast<uint64_t>(static_cast<const uint8_t*>(found) - file.data()) : file.size();
}

ChunkList scan(std::span<const uint8_t> file, uint64_t start) {
  ChunkList list;
  uint64_t expected_sequence = 0, end_of_last = start;
  for (uint64_t at = start; at < file.size();) {
    const auto header = sound_header(file, at);
    const bool in_order = header && header->sequence >= expected_sequence && header->first_ordinal >= list.event_count;
    if (!in_order) {
      at = next_magic(file, at + 1);
      continue;
    }
    const uint64_t size = sizeof(ChunkHeader) + uint64_t{header->summary_size} + header->stored_size;
    list.entries.push_back({at, header->first_ordinal, header->min_time, header->max_time, header->event_count, header->sequence, size});
    list.missing += header->sequence - expected_sequence;
    expected_sequence = uint64_t{header->sequence} + 1;
    list.event_count = header->first_ordinal + header->event_count;
    at = end_of_last = at + size;
  }
  list.torn_bytes = file.size() - end_of_last;
  return list;
}

}  // namespace

Result<Bytes> Bytes::map(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ExitCode::kInput, text::tr("traces.read.open", path, std::strerror(errno)));
  struct stat status;
  Bytes bytes;
  std::string problem;
  if (fstat(descriptor, &status) != 0) problem = std::strerror(errno);
  else if (!S_ISREG(status.st_mode)) problem = text::tr("traces.read.not_regular");
  else if (status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) problem = std::strerror(errno);
    else {
      bytes.view_ = {static_cast<const uint8_t*>(address), size};
      bytes.mapped_ = true;
    }
  }
  close(descriptor);
  if (!problem.empty()) return fail(ExitCode::kInput, text::tr("traces.read.open", path, problem));
  return bytes;
}

Bytes Bytes::borrow(std::span<const uint8_t> view) {
  Bytes bytes;
  bytes.view_ = view;
  return bytes;
}

Bytes::~Bytes() {
  if (mapped_) munmap(const_cast<uint8_t*>(view_.data()), view_.size());
}

Bytes::Bytes(Bytes&& other) noexcept : view_(other.view_), mapped_(other.mapped_) { other.mapped_ = false; }

OpenFile::OpenFile(Bytes file_bytes, FileHeader file_header)
    : bytes(std::move(file_bytes)), header(std::move(file_header)), schema(header.events), chunks(find_chunks(bytes.view(), header.size)),
      damaged(std::make_unique<std::atomic<bool>[]>(chunks.entries.size())) {}

void OpenFile::mark_damaged(size_t chunk) const {
  if (!damaged[chunk].exchange(true)) ++damaged_count;
}

std::optional<ChunkHeader> sound_header(std::span<const uint8_t> file, uint64_t offset) {
  const auto header = load<ChunkHeader>(file, offset);
  if (!header || header->magic != kChunkMagic) return std::nullopt;
  if (crc32c(file.subspan(offset, offsetof(ChunkHeader, header_crc))) != header->header_crc) return std::nullopt;
  const bool sizes_sound = header->raw_size <= kMaxChunkRaw && header->stored_size <= kMaxChunkStored &&
                           header->summary_size <= kMaxSummary && header->event_count <= header->raw_size &&
                           header->first_ordinal <= ~0ull - header->event_count;
  const uint64_t body = uint64_t{header->summary_size} + header->stored_size;
  if (!sizes_sound || file.size() - offset - sizeof(ChunkHeader) < body) return std::nullopt;
  return header;
}

ChunkList find_chunks(std::span<const uint8_t> file, uint64_t start) {
  if (auto list = read_index(file, start)) return *std::move(list);
  return scan(file, start);
}

}  // namespace ringside::traces
