// The standard flow of benchmarks/flow.py in C++: how fast the same work can be done.
//
// Accounts with cash and positions in cross margin, price-time matching, margin checks of makers
// and takers with holds of resting orders, fees, closed profit, open interest, day volumes, and
// every event with all its columns. It knows limit orders (good till cancelled, immediate or
// cancel) and cancels, no other command and no other rule: no triggers, liquidation, funding,
// isolated buckets or tiers. Its events are compared with the engine's, byte by byte, before it is
// timed (benchmarks/twin.py).
//
// g++ -O3 -march=native -shared -fPIC -o twin.so twin.cpp

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using Int = int64_t;

// The rows of seawall.engine.tables; benchmarks/twin.py checks names and offsets.
struct Command {
    Int time_ms, price, order_size, trigger_price, order_id, client_id_high, client_id_low, money;
    int32_t kind, account, market, side, flags, time_in_force, leverage, mode, other_account,
        status;
};

struct Event {
    Int sequence, order_id, price, order_size, money, closed_profit, position_size;
    int32_t kind, reason, account, market, counterparty, flags;
};

// Codes of seawall.domain.codes, given by benchmarks/twin.py.
struct Codes {
    Int place, cancel, accepted, filled, cancelled, rejected, by_owner, immediate;
    Int immediate_or_cancel, taker, buyer, buy, insufficient, not_found, bad_price, too_small;
};

struct Account {
    Int cash = 0, day_maker_volume = 0, day_taker_volume = 0;
    Int maker_rate = 0, taker_rate = 0;
    int32_t first_position = -1, open_orders = 0, is_dirty = 0, next_dirty = -1;
};

struct Position {
    Int signed_size = 0, entry_notional = 0, buy_hold = 0, sell_hold = 0;
    int32_t account = -1, market = -1, next_of_account = -1, leverage = 20, first_order = -1,
            changes = 0;
};

struct Order {
    Int order_id = 0, price = 0, remaining = 0, original = 0, hold = 0, placed_ms = 0;
    int32_t position = -1, account = -1, market = -1, side = 0, level = -1, next = -1,
            previous = -1, next_of_position = -1, previous_of_position = -1;
};

struct Level {
    Int price = 0, total = 0;
    int32_t first = -1, last = -1, count = 0;
};

struct Entry {
    Int price;
    int32_t level;
};

// The levels of one side, the best one last: most changes are near it.
struct Side {
    std::vector<Entry> entries;
};

struct Market {
    Int mark = 0, open_interest = 0, last_trade_price = 0;
    Side sides[2];  // by side of the resting orders
};

constexpr int SLOT_BITS = 22;
constexpr Int RATE_ONE = 1'000'000'000;
constexpr Int MICRO = 1'000'000;
constexpr int FEE_ACCOUNT = 0;

inline Int fee_of(Int notional, Int rate) {
    return (notional / RATE_ONE) * rate + (notional % RATE_ONE) * rate / RATE_ONE;
}

inline Int share(Int amount, Int part, Int whole) {  // truncated
    return static_cast<Int>(static_cast<__int128>(amount) * part / whole);
}

struct Machine {
    Codes codes;
    Int sequence, clock_ms = 0, placed = 0;
    int32_t orders_free = -1, levels_free = -1, first_dirty = -1;
    std::vector<Account> accounts;
    std::vector<Position> positions;
    std::vector<Order> orders;
    std::vector<Level> levels;
    std::vector<Market> markets;
    Event* out = nullptr;

    Event& emit(Int kind, Int reason, int account, int market, Int id, Int price, Int size) {
        Event& event = *out++;
        event = {sequence, id, price, size, 0, 0, 0, static_cast<int32_t>(kind),
                 static_cast<int32_t>(reason), account, market, -1, 0};
        return event;
    }

    int32_t position_of(int account, int market) {
        for (int32_t at = accounts[account].first_position; at >= 0;
             at = positions[at].next_of_account)
            if (positions[at].market == market) return at;
        return -1;
    }

    int32_t new_position(int account, int market) {
        Position row;
        row.account = account;
        row.market = market;
        row.next_of_account = accounts[account].first_position;
        positions.push_back(row);
        return accounts[account].first_position = static_cast<int32_t>(positions.size()) - 1;
    }

    static Int hold_after_credit(Int size, Int buy, Int sell, Int margin) {
        if (size > 0) sell = std::max<Int>(0, sell - 2 * margin);
        if (size < 0) buy = std::max<Int>(0, buy - 2 * margin);
        return std::max(buy, sell);
    }

    // Equity, initial margin and holds of an account without one of its positions.
    void pool_without(int account, int32_t skipped, Int& equity, Int& initial, Int& holds) {
        equity = accounts[account].cash;
        initial = holds = 0;
        for (int32_t at = accounts[account].first_position; at >= 0;
             at = positions[at].next_of_account) {
            const Position& each = positions[at];
            if (at == skipped || (each.signed_size | each.buy_hold | each.sell_hold) == 0) continue;
            Int value = each.signed_size * markets[each.market].mark;
            Int margin = std::abs(value) / each.leverage;
            equity += value;
            initial += margin;
            holds += hold_after_credit(each.signed_size, each.buy_hold, each.sell_hold, margin);
        }
    }

    bool fill_allowed(int32_t index, Int delta, Int price, Int fee, bool holds_count) {
        const Position& own = positions[index];
        Int equity, initial, holds;
        pool_without(own.account, index, equity, initial, holds);
        Int mark = markets[own.market].mark, after = own.signed_size + delta;
        equity += after * mark - delta * price;
        bool closes = (own.signed_size > 0) != (delta > 0) && own.signed_size != 0 &&
                      std::abs(delta) <= std::abs(own.signed_size);
        if (closes) return equity - fee >= 0;
        Int margin = std::abs(after) * mark / own.leverage;
        Int needed = initial + margin;
        if (holds_count)
            needed += holds + hold_after_credit(after, own.buy_hold, own.sell_hold, margin);
        return equity - fee >= 0 && equity >= needed;
    }

    bool can_rest(int32_t index, int side, Int hold) {
        const Position& own = positions[index];
        Int equity, initial, holds;
        pool_without(own.account, index, equity, initial, holds);
        Int value = own.signed_size * markets[own.market].mark;
        Int margin = std::abs(value) / own.leverage;
        bool buys = side == codes.buy;
        Int with = hold_after_credit(own.signed_size, own.buy_hold + (buys ? hold : 0),
                                     own.sell_hold + (buys ? 0 : hold), margin);
        return equity + value >= initial + margin + holds + with;
    }

    void set_hold(Order& order, Int hold) {
        Position& own = positions[order.position];
        (order.side == codes.buy ? own.buy_hold : own.sell_hold) += hold - order.hold;
        order.hold = hold;
    }

    Int reserve_id() {
        int32_t slot = orders_free;
        if (slot >= 0) {
            orders_free = orders[slot].next;
        } else {
            slot = static_cast<int32_t>(orders.size());
            orders.emplace_back();
        }
        return (++placed << SLOT_BITS) | slot;
    }

    void release(int32_t slot) {
        orders[slot].order_id = 0;
        orders[slot].next = orders_free;
        orders_free = slot;
    }

    static bool is_better(int side_is_buy, Int price, Int than) {
        return side_is_buy ? price > than : price < than;
    }

    void enqueue(int32_t slot) {
        Order& order = orders[slot];
        auto& entries = markets[order.market].sides[order.side].entries;
        bool buys = order.side == codes.buy;
        std::size_t at = entries.size();
        while (at > 0 && is_better(buys, entries[at - 1].price, order.price)) --at;
        int32_t index;
        if (at > 0 && entries[at - 1].price == order.price) {
            index = entries[at - 1].level;
        } else {
            index = levels_free;
            if (index >= 0) {
                levels_free = levels[index].first;
            } else {
                index = static_cast<int32_t>(levels.size());
                levels.emplace_back();
            }
            levels[index] = Level{order.price};
            entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(at),
                           Entry{order.price, index});
        }
        Level& level = levels[index];
        order.level = index;
        order.previous = level.last;
        order.next = -1;
        (level.last >= 0 ? orders[level.last].next : level.first) = slot;
        level.last = slot;
        ++level.count;
        level.total += order.remaining;
    }

    void dequeue(Order& order) {
        Level& level = levels[order.level];
        (order.previous >= 0 ? orders[order.previous].next : level.first) = order.next;
        (order.next >= 0 ? orders[order.next].previous : level.last) = order.previous;
        level.total -= order.remaining;
        if (--level.count > 0) return;
        auto& entries = markets[order.market].sides[order.side].entries;
        std::size_t at = entries.size() - 1;
        while (entries[at].price != level.price) --at;
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
        level.first = levels_free;
        levels_free = order.level;
    }

    void drop(int32_t slot) {
        Order& order = orders[slot];
        dequeue(order);
        if (order.hold != 0) set_hold(order, 0);
        Position& own = positions[order.position];
        (order.previous_of_position >= 0
             ? orders[order.previous_of_position].next_of_position
             : own.first_order) = order.next_of_position;
        if (order.next_of_position >= 0)
            orders[order.next_of_position].previous_of_position = order.previous_of_position;
        --accounts[order.account].open_orders;
        release(slot);
    }

    Int apply_fill(int32_t index, Int delta, Int price, Int fee) {
        Position& own = positions[index];
        Market& market = markets[own.market];
        market.open_interest -= std::max<Int>(0, own.signed_size);
        Int before = own.signed_size, sign = delta > 0 ? 1 : -1, profit = 0;
        Int closing = before == 0 || (before > 0) == (delta > 0)
                          ? 0
                          : std::min(std::abs(delta), std::abs(before));
        Int opening = std::abs(delta) - closing, cash = -fee;
        if (closing > 0) {
            Int proceeds = -sign * closing * price;
            Int entry = closing == std::abs(before)
                            ? own.entry_notional
                            : share(own.entry_notional, closing, std::abs(before));
            own.entry_notional -= entry;
            own.signed_size += sign * closing;
            profit = proceeds - entry;
            cash += proceeds;
        }
        if (opening > 0) {
            Int value = opening * price;
            own.entry_notional += sign * value;
            own.signed_size += sign * opening;
            cash -= sign * value;
        }
        Account& owner = accounts[own.account];
        owner.cash += cash;
        market.open_interest += std::max<Int>(0, own.signed_size);
        bool opened = before == 0 || (before > 0) != (own.signed_size > 0);
        own.changes |= opened ? 3 : 1;
        if (!owner.is_dirty) {
            owner.is_dirty = 1;
            owner.next_dirty = first_dirty;
            first_dirty = own.account;
        }
        return profit;
    }

    void fill_side(int32_t index, Int id, Int delta, Int price, Int fee, int other, Int flags) {
        const Position& own = positions[index];
        Int before = own.signed_size;
        Int profit = apply_fill(index, delta, price, fee);
        Event& event =
            emit(codes.filled, 0, own.account, own.market, id, price, std::abs(delta));
        event.money = fee;
        event.closed_profit = profit;
        event.position_size = before;
        event.counterparty = other;
        event.flags = static_cast<int32_t>(flags | (delta > 0 ? codes.buyer : 0));
    }

    // Trade with what rests; returns the size that is left. -1: the first fill has no margin.
    Int match(int32_t index, Int id, const Command& command) {
        Int left = command.order_size;
        Int rate = accounts[command.account].taker_rate;
        bool buys = command.side == codes.buy, acted = false;
        Market& market = markets[command.market];
        auto& entries = market.sides[1 - command.side].entries;
        while (left > 0 && !entries.empty()) {
            Int price = entries.back().price;
            if (buys ? price > command.price : price < command.price) break;
            int32_t slot = levels[entries.back().level].first;
            Order& maker = orders[slot];
            if (maker.next >= 0) {
                __builtin_prefetch(&positions[orders[maker.next].position]);
                __builtin_prefetch(&accounts[orders[maker.next].account]);
            }
            Int traded = std::min(left, maker.remaining);
            Int delta = buys ? traded : -traded, value = traded * price;
            Int maker_fee = fee_of(value, accounts[maker.account].maker_rate);
            if (maker.account == command.account ||
                !fill_allowed(maker.position, -delta, price, maker_fee, false)) {
                emit(codes.cancelled, codes.insufficient, maker.account, maker.market,
                     maker.order_id, maker.price, maker.remaining);
                drop(slot);
                acted = true;
                continue;
            }
            Int taker_fee = fee_of(value, rate);
            if (!fill_allowed(index, delta, price, taker_fee, true)) return acted ? left : -1;
            accounts[FEE_ACCOUNT].cash += maker_fee + taker_fee;
            fill_side(maker.position, maker.order_id, -delta, price, maker_fee, command.account,
                      0);
            fill_side(index, id, delta, price, taker_fee, maker.account, codes.taker);
            market.last_trade_price = price;
            accounts[maker.account].day_maker_volume += value;
            accounts[command.account].day_taker_volume += value;
            maker.remaining -= traded;
            levels[maker.level].total -= traded;
            if (maker.remaining == 0)
                drop(slot);
            else
                set_hold(maker, maker.remaining * maker.price / positions[maker.position].leverage);
            acted = true;
            left -= traded;
        }
        return left;
    }

    Int place(const Command& command) {
        if (command.order_size <= 0 || command.price <= 0 || command.price % 10 != 0)
            return codes.bad_price;
        if (command.order_size * command.price < 10 * MICRO) return codes.too_small;
        int32_t index = position_of(command.account, command.market);
        if (index < 0) index = new_position(command.account, command.market);
        const auto& facing = markets[command.market].sides[1 - command.side].entries;
        bool buys = command.side == codes.buy;
        bool meets = !facing.empty() && (buys ? facing.back().price <= command.price
                                              : facing.back().price >= command.price);
        bool rests = command.time_in_force != codes.immediate_or_cancel;
        Int hold = command.order_size * command.price / positions[index].leverage;
        if (rests && !can_rest(index, command.side, hold)) return codes.insufficient;
        Int id = reserve_id();
        auto slot = static_cast<int32_t>(id & ((1 << SLOT_BITS) - 1));
        Int left = meets ? match(index, id, command) : command.order_size;
        if (left <= 0) {
            release(slot);
            return left < 0 ? codes.insufficient : 0;
        }
        if (!rests) {
            release(slot);
            emit(codes.cancelled, codes.immediate, command.account, command.market, id,
                 command.price, left);
            return 0;
        }
        Order& order = orders[slot];
        Position& own = positions[index];
        order.order_id = id;
        order.price = command.price;
        order.remaining = left;
        order.original = command.order_size;
        order.placed_ms = clock_ms;
        order.hold = 0;
        order.position = index;
        order.account = command.account;
        order.market = command.market;
        order.side = command.side;
        order.previous_of_position = -1;
        order.next_of_position = own.first_order;
        if (own.first_order >= 0) orders[own.first_order].previous_of_position = slot;
        own.first_order = slot;
        ++accounts[command.account].open_orders;
        set_hold(order, left == command.order_size ? hold
                                                   : left * command.price / own.leverage);
        enqueue(slot);
        emit(codes.accepted, 0, command.account, command.market, id, command.price, left).flags =
            command.side;
        return 0;
    }

    Int cancel(const Command& command) {
        auto slot = static_cast<int32_t>(command.order_id & ((1 << SLOT_BITS) - 1));
        if (command.order_id <= 0 || slot >= static_cast<int32_t>(orders.size()))
            return codes.not_found;
        const Order& order = orders[slot];
        if (order.order_id != command.order_id || order.account != command.account ||
            order.market != command.market)
            return codes.not_found;
        emit(codes.cancelled, codes.by_owner, order.account, order.market, order.order_id,
             order.price, order.remaining);
        drop(slot);
        return 0;
    }
};

// Room that is really there, so that no page is made while the flow is timed.
template <class Row>
void touch(std::vector<Row>& rows, std::size_t room) {
    std::size_t used = rows.size();
    rows.resize(room);
    rows.resize(used);
}

}  // namespace

extern "C" {

void* twin_create(const Int* codes, Int markets, Int mark, Int first_user, Int users, Int deposit,
                  Int maker_rate, Int taker_rate, Int sequence) {
    auto* machine = new Machine;
    std::copy_n(codes, sizeof(Codes) / sizeof(Int), reinterpret_cast<Int*>(&machine->codes));
    machine->sequence = sequence;
    machine->markets.resize(static_cast<std::size_t>(markets));
    for (Market& each : machine->markets) each.mark = mark;
    machine->accounts.resize(static_cast<std::size_t>(first_user + users));
    for (Account& each : machine->accounts) each.maker_rate = maker_rate, each.taker_rate = taker_rate;
    for (auto at = machine->accounts.begin() + first_user; at != machine->accounts.end(); ++at)
        at->cash = deposit;
    machine->positions.reserve(static_cast<std::size_t>(users * markets));
    machine->orders.reserve(1 << 16);
    machine->levels.reserve(1 << 12);
    return machine;
}

void* twin_fork(const void* machine) {
    const auto& before = *static_cast<const Machine*>(machine);
    auto* made = new Machine(before);
    touch(made->positions, before.positions.capacity());
    touch(made->orders, before.orders.capacity());
    touch(made->levels, before.levels.capacity());
    return made;
}

void twin_free(void* machine) { delete static_cast<Machine*>(machine); }

// Apply a batch; returns how many events it caused. The caller gives room for all of them.
Int twin_run(void* given, const Command* commands, Int count, Event* events) {
    auto& machine = *static_cast<Machine*>(given);
    const Codes& codes = machine.codes;
    machine.out = events;
    for (const Command* at = commands; at != commands + count; ++at) {
        ++machine.sequence;
        machine.clock_ms = std::max(machine.clock_ms, at->time_ms);
        Int reason = at->kind == codes.place ? machine.place(*at) : machine.cancel(*at);
        if (reason)
            machine.emit(codes.rejected, reason, at->account, at->market, at->order_id, at->price,
                         at->order_size);
    }
    return machine.out - events;
}
}
