// The shared rings: what a well-behaved guest gets, and what a guest gets that spoils them.
#include "tests/catch.h"

#include <atomic>
#include <cstring>
#include <thread>

#include "vmm/techniques/pv/testing/small_guest.h"

using namespace ringside::vmm;
using namespace ringside::vmm::pv;
using namespace ringside::vmm::pv::testing;

namespace {

void notify(SmallGuest& g, uint32_t port) {
  pv_event_channel c{0, 0, port, 0};
  REQUIRE(g.call_with(kPvEventChannelOp, kPvSendEvent, c) == 0);
}

// A guest's block driver of a few lines.
struct Driver {
  SmallGuest& g;
  pv_block_ring& ring = g.block_ring();
  uint32_t seen = 0;

  void submit(uint8_t operation, uint64_t id, uint64_t sector, std::vector<pv_block_segment> segments) {
    pv_block_request& r = ring.slot[ring.req_prod % kPvBlockRingSize].request;
    r = {};
    r.operation = operation;
    r.id = id;
    r.sector = sector;
    r.segments = static_cast<uint8_t>(segments.size());
    std::copy_n(segments.begin(), std::min<size_t>(segments.size(), kPvBlockSegments), r.segment);
    ++ring.req_prod;
  }
  int status(uint64_t id) {
    REQUIRE(seen != ring.rsp_prod);
    const pv_block_response& r = ring.slot[seen++ % kPvBlockRingSize].response;
    CHECK(r.id == id);
    return r.status;
  }
  int one(uint8_t operation, uint64_t sector, pv_block_segment segment) {
    submit(operation, 7, sector, {segment});
    notify(g, g.info.block_port);
    return status(7);
  }
  pv_block_segment page(unsigned n, uint8_t first = 0, uint8_t last = 7) const { return {g.frame_at(g.free(n)).value, first, last, {}}; }
};

}  // namespace

TEST_CASE("Console output goes through the ring in order") {
  SmallGuest g;
  pv_console_ring& ring = g.console_ring();
  std::string expected;
  for (unsigned line = 0; line < 300; ++line) {
    const std::string text = "line " + std::to_string(line) + "\n";
    for (const char c : text) ring.out[ring.out_prod++ % sizeof ring.out] = c;
    expected += text;
    notify(g, g.info.console_port);
    CHECK(ring.out_cons == ring.out_prod);
  }
  CHECK(g.host.printed == expected);
  CHECK(g.domain->console.put_input(std::string_view("abc")) == 3);
  CHECK(std::string(ring.in, 3) == "abc");
  CHECK(g.domain->console.put_input(std::string(5000, 'x')) == 1021);
}

TEST_CASE("Console indices that make no sense cost the guest its output only") {
  SmallGuest g;
  pv_console_ring& ring = g.console_ring();
  for (const uint32_t gap : {2049u, 0x8000'0000u, 0xffff'ffffu}) {
    ring.out_prod = ring.out_cons + gap;
    notify(g, g.info.console_port);
    CHECK(g.host.printed.empty());
    CHECK(ring.out_cons == ring.out_prod);
  }
  CHECK(g.domain->console.broken() == 3);
  ring.in_prod = ring.in_cons + 5000;
  CHECK(g.domain->console.put_input(std::string_view("abc")) == 3);
  ring.out_prod = ring.out_cons + 2048;  // full, over the wrap of the indices
  notify(g, g.info.console_port);
  CHECK(g.host.printed.size() == 2048);
}

TEST_CASE("Block requests move sectors") {
  SmallGuest g;
  Driver d{g};
  for (unsigned i = 0; i < 4096; ++i) (&g.at<uint8_t>(g.free(20)))[i] = static_cast<uint8_t>(i * 7);
  for (unsigned round = 0; round < 40; ++round) {  // several times around the ring
    d.submit(kPvBlockWrite, 100 + round, 8, {d.page(20), d.page(20, 3, 4)});
    d.submit(kPvBlockFlush, 200 + round, 0, {});
    d.submit(kPvBlockRead, 300 + round, 8, {d.page(21), d.page(22, 0, 1)});
    notify(g, g.info.block_port);
    CHECK(d.status(100 + round) == kPvBlockOkay);
    CHECK(d.status(200 + round) == kPvBlockOkay);
    CHECK(d.status(300 + round) == kPvBlockOkay);
  }
  CHECK(std::memcmp(&g.at<uint8_t>(g.free(21)), &g.at<uint8_t>(g.free(20)), 4096) == 0);
  CHECK(std::memcmp(&g.at<uint8_t>(g.free(22)), &g.at<uint8_t>(g.free(20)) + 3 * 512, 1024) == 0);
}

TEST_CASE("E13 for the block ring: the guest is told if and only if it asked for what was produced") {
  SmallGuest g;
  Driver d{g};
  const uint32_t port = g.info.block_port;
  const auto told = [&] { return (g.shared().event_pending[port / 64] >> port % 64 & 1) != 0; };
  for (const auto& [event_ahead, requests, expected] : std::vector<std::tuple<uint32_t, unsigned, bool>>{{1, 1, true}, {1, 3, true}, {3, 3, true}, {4, 3, false}, {0, 2, false}}) {
    g.shared().event_pending[port / 64] = 0;
    d.ring.rsp_event = d.ring.rsp_prod + event_ahead;
    for (unsigned i = 0; i < requests; ++i) d.submit(kPvBlockFlush, i, 0, {});
    notify(g, port);
    CHECK(told() == expected);
  }
}

TEST_CASE("Hostile block requests fail one by one") {
  SmallGuest g;
  Driver d{g};
  const uint64_t table = g.frame_at(g.info.table_base).value;
  const std::vector<uint8_t> before(&g.at<uint8_t>(g.info.table_base), &g.at<uint8_t>(g.info.table_base) + 4096);
  CHECK(d.one(kPvBlockRead, 0, {table, 0, 7, {}}) == kPvBlockError);       // the device would write into a page table
  CHECK(std::memcmp(before.data(), &g.at<uint8_t>(g.info.table_base), 4096) == 0);
  CHECK(d.one(kPvBlockWrite, 0, {table, 0, 7, {}}) == kPvBlockOkay);       // reading it harms nobody
  CHECK(d.one(kPvBlockRead, 0, {5, 0, 7, {}}) == kPvBlockError);           // not the guest's
  CHECK(d.one(kPvBlockRead, 0, {1ull << 60, 0, 7, {}}) == kPvBlockError);
  CHECK(d.one(kPvBlockWrite, 0, {ringside::hw::PhysicalMemory::kMonitorStart >> 12, 0, 7, {}}) == kPvBlockError);
  CHECK(d.one(kPvBlockRead, 0, d.page(20, 5, 4)) == kPvBlockError);
  CHECK(d.one(kPvBlockRead, 0, d.page(20, 0, 8)) == kPvBlockError);
  CHECK(d.one(kPvBlockRead, 0, d.page(20, 255, 255)) == kPvBlockError);
  CHECK(d.one(kPvBlockRead, 57, d.page(20)) == kPvBlockError);             // over the end of the disk
  CHECK(d.one(kPvBlockRead, 56, d.page(20)) == kPvBlockOkay);
  CHECK(d.one(kPvBlockWrite, ~0ull, d.page(20)) == kPvBlockError);
  CHECK(d.one(kPvBlockWrite, ~0ull - 7, d.page(20)) == kPvBlockError);
  CHECK(d.one(9, 0, d.page(20)) == kPvBlockNotSupported);
  for (const unsigned segments : {0u, 12u, 255u}) {
    d.submit(kPvBlockRead, 1, 0, {});
    d.ring.slot[(d.ring.req_prod - 1) % kPvBlockRingSize].request.segments = static_cast<uint8_t>(segments);
    notify(g, g.info.block_port);
    CHECK(d.status(1) == kPvBlockError);
  }
  const uint32_t produced = d.ring.rsp_prod;
  d.ring.req_prod = produced + kPvBlockRingSize + 1;
  notify(g, g.info.block_port);
  CHECK(g.domain->block->broken() == 1);
  CHECK(d.ring.rsp_prod == d.ring.req_prod);
  CHECK_FALSE(g.paging.inconsistency());
}

TEST_CASE("A request that changes while it is looked at is one request or the other") {
  SmallGuest g;
  pv_block_ring& ring = g.block_ring();
  const uint64_t good = g.frame_at(g.free(20)).value, evil = g.frame_at(g.info.table_base).value;
  std::atomic<bool> over{false};
  std::thread spoiler([&] {
    volatile pv_block_request* r = &ring.slot[0].request;
    while (!over) {
      r->segments = 200;
      r->segment[0].frame = evil;
      r->segment[0].last_sector = 200;
      r->sector = ~0ull;
      r->segments = 1;
      r->segment[0].frame = good;
      r->segment[0].last_sector = 7;
      r->sector = 0;
    }
  });
  const std::vector<uint8_t> table(&g.at<uint8_t>(g.info.table_base), &g.at<uint8_t>(g.info.table_base) + 4096);
  for (unsigned i = 0; i < 20'000; ++i) {
    ring.slot[0].request.operation = kPvBlockRead;
    ring.req_prod += kPvBlockRingSize;
    g.domain->notified(g.info.block_port);
  }
  over = true;
  spoiler.join();
  CHECK(std::memcmp(table.data(), &g.at<uint8_t>(g.info.table_base), 4096) == 0);
  CHECK_FALSE(g.paging.inconsistency());
}
