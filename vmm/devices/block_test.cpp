// Sector stores and the PIO block device before them.
#include "tests/catch.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "vmm/devices/pio_block.h"

using namespace ringside::vmm;

TEST_CASE("A RAM disk keeps sectors and refuses what is not all there") {
  RamDisk disk(4);
  std::vector<uint8_t> out(1024, 0xa5), in(1024);
  CHECK(disk.write(2, out));
  CHECK(disk.read(2, in));
  CHECK(in == out);
  CHECK_FALSE(disk.write(3, out));
  CHECK_FALSE(disk.read(~0ull, in));
  CHECK_FALSE(disk.read(0, std::span(in).first(100)));
  CHECK(disk.read(4, std::span(in).first(0)));
}

TEST_CASE("A file as a disk") {
  const auto path = std::filesystem::temp_directory_path() / ("ringside-disk-" + std::to_string(::getpid()));
  {
    std::ofstream file(path, std::ios::binary);
    file << std::string(512 * 3 + 100, 'x');
  }
  auto store = FileStore::open(path.string());
  REQUIRE(store.has_value());
  CHECK(store.value()->sectors() == 3);
  std::vector<uint8_t> out(512, 7), in(512);
  CHECK(store.value()->write(1, out));
  CHECK(store.value()->read(1, in));
  CHECK(in == out);
  CHECK_FALSE(store.value()->write(3, out));
  std::filesystem::remove(path);
  CHECK(FileStore::open(path.string()).has_error());
  CHECK(FileStore::open("/").has_error());
}

TEST_CASE("The PIO block device moves a sector word by word") {
  RamDisk disk(8);
  PioBlock device(disk);
  CHECK(device.read(12, 4) == 8);
  device.write(0, 4, 5);
  for (uint32_t i = 0; i < 128; ++i) device.write(8, 4, i * 3);
  device.write(4, 1, 2);
  CHECK(device.read(4, 1) == 0);
  device.write(4, 1, 3);
  device.write(8, 4, 0xffffffff);
  device.write(4, 1, 1);
  for (uint32_t i = 0; i < 128; ++i) CHECK(device.read(8, 4) == i * 3);
  device.write(0, 4, 8);
  device.write(4, 1, 1);
  CHECK(device.read(4, 1) == 1);
  device.write(4, 1, 77);
  CHECK(device.read(4, 1) == 1);
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < 20'000; ++i) {
    const unsigned size = 1u << random() % 4;
    if (random() % 2) device.write(random() % 16, size, random());
    else device.read(random() % 16, size);
  }
}
