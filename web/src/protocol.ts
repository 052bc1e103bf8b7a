// Written by tools/write_protocol_types.py from seawall.terminal.protocol.

export type Answer =
  | Refused
  | Superseded
  | Done
  | Placed
  | Preview
  | TwapPreview
  | WhatIf
  | Sized;

export type AccountKind =
  | "test"
  | "agent"
  | "system"
  | "client";

export type GroupingName =
  | "standard"
  | "unified";

export type Interval =
  | "1m"
  | "5m"
  | "15m"
  | "1h"
  | "4h"
  | "1d";

export type ModeName =
  | "cross"
  | "isolated";

export type OrderKind =
  | "limit"
  | "post_only"
  | "immediate"
  | "fill_or_kill"
  | "market"
  | "stop_market"
  | "stop_limit"
  | "take_market"
  | "take_limit"
  | "scale";

export type SideName =
  | "buy"
  | "sell";

export type SourceKind =
  | "venue"
  | "recording"
  | "address";

export type AnyRequest =
  | Watch
  | Resynchronise
  | PlaceOrder
  | PreviewOrder
  | PlaceTwap
  | PreviewTwap
  | CancelTwap
  | ModifyOrder
  | CancelOrder
  | CancelAll
  | ClosePosition
  | CloseAll
  | ReversePosition
  | StopToBreakEven
  | SetLeverage
  | AdjustMargin
  | SizeByRisk
  | AskWhatIf
  | AskMargin
  | Control
  | Play;

export type Surface =
  | Snapshot
  | Venue
  | Markets
  | Book
  | Trades
  | Candles
  | Account
  | Twaps
  | History
  | LiquidationMap
  | Cascade
  | Guard
  | Notice
  | Beat
  | Answered;

/**
 * A minute later, simulated as ``seawall stress`` does: what liquidation leaves.
 *
 * ``equity``: what is left; ``lost``: of the equity now; ``cost``: fees, slippage and what was
 * taken, beyond the move itself. ``liquidated``: the buckets; ``first``: the market whose position
 * was closed first.
 */
export interface Afterwards {
  equity: string;
  lost: string;
  cost: string;
  liquidated: string[];
  first: string | null;
  stages: string[];
}

/** ``id``: that of the request. */
export interface Answered {
  type: "Answered";
  id: number;
  answer: Answer;
}

/** A bucket at the prices asked about, before anything is liquidated. ``change``: in equity. */
export interface BucketAfter {
  id: string;
  name: string;
  isIsolated: boolean;
  equity: string;
  change: string;
  initialMargin: string;
  maintenanceMargin: string;
  free: string;
  ratio: number | null;
  isLiquidatable: boolean;
}

/** ``text``: what was done, in words. */
export interface Done {
  type: "Done";
  text: string;
}

/**
 * ``status``: resting, filled, partly_filled, waiting (for a trigger or a first order), queued
 * (for the next block) or refused; ``reason`` of a refusal.
 */
export interface OrderResult {
  id: string;
  status: "resting" | "filled" | "partly_filled" | "waiting" | "queued" | "refused";
  filled: string;
  averagePrice: string | null;
  reason: string;
}

/** One result for each order, those that were made of a scale or a bracket included. */
export interface Placed {
  type: "Placed";
  orders: OrderResult[];
}

export interface PositionAfter {
  market: string;
  bucket: string;
  unrealised: string;
  liquidationPrice: string | null;
  distance: number | null;
  leverage: number;
  mode: ModeName;
}

/**
 * What an order would do now, from the engine itself on a copy of the venue. Money is USD.
 *
 * ``rejected``: why the engine would refuse it, or the part that is not filled; empty where it
 * would not. ``slippage``: of the average price from the mid, a share, positive is worse.
 * ``warnings``: in words, such as a stop that liquidation comes before, slippage over the cap, or
 * a position that the book could not close.
 */
export interface Preview {
  type: "Preview";
  rejected: string;
  size: string;
  filled: string;
  resting: string;
  averagePrice: string | null;
  worstPrice: string | null;
  slippage: number | null;
  levels: number;
  fee: string;
  margin: string;
  availableBefore: string;
  availableAfter: string;
  liquidationBefore: string | null;
  liquidationAfter: string | null;
  distanceAfter: number | null;
  ratioBefore: number | null;
  ratioAfter: number | null;
  leverageAfter: number | null;
  positionAfter: string;
  exitSlippage: number | null;
  exitShare: number | null;
  warnings: string[];
}

/** Nothing changed. ``field``, ``value``: what is wrong; ``expected``: what would be right. */
export interface Refused {
  type: "Refused";
  field: string;
  value: string;
  expected: string;
}

/** How much to trade so that the stop loses what was said, exit fee and slippage included. */
export interface Sized {
  type: "Sized";
  size: string;
  notional: string;
  loss: string;
  leverage: number;
  warnings: string[];
}

/** A newer question of the same kind came before this one was computed. */
export interface Superseded {
  type: "Superseded";
}

/**
 * How a time-weighted order would be sliced, and what its first slice would do now. Money USD.
 *
 * ``rejected``: why the engine would refuse the first slice, or the part of it that is not filled.
 * ``worst_price``: the limit of a slice now. ``fee``, ``margin``, ``position_after``,
 * ``liquidation_after``, ``distance_after``: of the whole, as if every slice paid what the first
 * one would, and the mark stood still; where the first one fills nothing, at the mark.
 */
export interface TwapPreview {
  type: "TwapPreview";
  rejected: string;
  slices: number;
  intervalMs: number;
  sliceSize: string;
  sliceNotional: string;
  worstPrice: string | null;
  firstPrice: string | null;
  firstSlippage: number | null;
  firstFee: string;
  fee: string;
  margin: string;
  positionAfter: string;
  liquidationAfter: string | null;
  distanceAfter: number | null;
  warnings: string[];
}

/**
 * The account at other prices, in other modes or at other leverages. Money is USD.
 *
 * ``equity``, ``lost``: at the prices, before anything is liquidated. ``first``: the bucket that
 * would be liquidated first if prices went on the same way, and at how many times the move;
 * ``rejected``: why the modes or leverages cannot be, empty where they can.
 * ``afterwards``: None where it was not asked for, or where nothing is liquidated and there are no
 * orders to act.
 */
export interface WhatIf {
  type: "WhatIf";
  rejected: string;
  before: string;
  equity: string;
  lost: string;
  prices: Record<string, string>;
  buckets: BucketAfter[];
  positions: PositionAfter[];
  first: string | null;
  firstAt: number | null;
  afterwards: Afterwards | null;
}

/**
 * What the venue takes from here. ``brackets``: whether an order may bring its take-profit and
 * its stop; ``modes``: how a position may be margined.
 */
export interface Offered {
  kinds: OrderKind[];
  modes: ModeName[];
  brackets: boolean;
}

/**
 * What the venue takes as a time-weighted order. ``minimum_value``: USD at the mark;
 * ``slippage``: the most that a slice may pay beyond the mid, a share; ``randomises``: whether
 * slices are then sent at random, or even ones with the choice kept.
 */
export interface TwapTerms {
  shortestMinutes: number;
  longestMinutes: number;
  minimumValue: string;
  slippage: number;
  randomises: boolean;
}

/**
 * How an account of a venue that runs elsewhere is read. ``is_live``: whether there is a
 * connection now; ``troubles``: what went wrong, or is not known, and what is shown instead.
 */
export interface Reading {
  url: string;
  isLive: boolean;
  inputs: ReadInput[];
  troubles: string[];
}

/**
 * One thing that is read. ``age_ms``: None where it has not come yet; ``is_stale``: older than
 * it may be, which is ``stale_after_ms``.
 */
export interface ReadInput {
  name: string;
  ageMs: number | null;
  staleAfterMs: number;
  isStale: boolean;
}

/**
 * What the venue states of a bucket's equity and maintenance margin, less the engine's at the
 * very same marks, USD; None for what it does not state.
 */
export interface ReportedBucket {
  equityDifference: string | null;
  maintenanceDifference: string | null;
}

/**
 * The liquidation price that the venue states, None for none; by how much it is above the
 * engine's at the very same marks, from 0 where the engine has none. ``agrees``: whether that is
 * at most one unit of the market's prices, to which the engine's is rounded towards the mark.
 */
export interface ReportedPrice {
  liquidationPrice: string | null;
  difference: string | null;
  agrees: boolean;
}

/** Move USD from the cross pool into an isolated position's bucket; negative takes it out. */
export interface AdjustMargin {
  type: "AdjustMargin";
  market: string;
  amount: string;
}

/** One message of the page. ``id``: its own count; the answer repeats it. */
export interface Ask {
  id: number;
  request: AnyRequest;
}

/** The account with so much USD moved into an isolated bucket. Answered by ``WhatIf``. */
export interface AskMargin {
  type: "AskMargin";
  market: string;
  amount: string;
}

/**
 * The account in view after moves, by market, signed shares as decimal text: ``-0.15``.
 *
 * ``all_markets``: of every market that has none of its own. ``modes``, ``leverages``, by market:
 * the same positions so. ``afterwards``: simulate liquidation too. Answered by ``WhatIf``, or
 * ``Superseded``.
 */
export interface AskWhatIf {
  type: "AskWhatIf";
  allMarkets?: string;
  moves?: Record<string, string>;
  modes?: Record<string, ModeName>;
  leverages?: Record<string, number>;
  afterwards?: boolean;
}

/** Cancel all orders, in one market or in all. ``orphaned``: only those without a position. */
export interface CancelAll {
  type: "CancelAll";
  market?: string | null;
  orphaned?: boolean;
}

export interface CancelOrder {
  type: "CancelOrder";
  order: string;
}

/** End a time-weighted order; what it traded stays. Answered by ``Done``. */
export interface CancelTwap {
  type: "CancelTwap";
  id: number;
}

/** Close every position at market. Answered by ``Placed``. */
export interface CloseAll {
  type: "CloseAll";
  slippage?: number;
}

/** Close a share of a position at market. Answered by ``Placed``. */
export interface ClosePosition {
  type: "ClosePosition";
  market: string;
  share?: number;
  slippage?: number;
}

/**
 * Do what the control API's route of this name does: price, shock, oracle, liquidity, funding,
 * advance, pause, resume, speed, save, revert, reset or fund.
 *
 * ``body``: its JSON object, as ``docs/venue/sandbox.md`` says. Answered by ``Done``.
 */
export interface Control {
  type: "Control";
  action: string;
  body?: Record<string, unknown>;
}

/** Move an order; what is None stays. Answered by ``Placed``. */
export interface ModifyOrder {
  type: "ModifyOrder";
  order: string;
  price?: string | null;
  triggerPrice?: string | null;
  size?: string | null;
}

/** Answered by ``Placed``. */
export interface PlaceOrder {
  type: "PlaceOrder";
  ticket: Ticket;
}

/** Answered by ``Done``. */
export interface PlaceTwap {
  type: "PlaceTwap";
  ticket: TwapTicket;
}

/** Of a recording; what is None stays. ``to_ms``: go there; ``step``: so many moments on. */
export interface Play {
  type: "Play";
  isPlaying?: boolean | null;
  speed?: number | null;
  toMs?: number | null;
  step?: number;
}

/** Answered by ``Preview``, or ``Superseded``. ``leverage``, ``mode``: as if set first. */
export interface PreviewOrder {
  type: "PreviewOrder";
  ticket: Ticket;
  leverage?: number | null;
  mode?: ModeName | null;
  slippageCap?: number | null;
}

/** Answered by ``TwapPreview``, or ``Superseded``. ``leverage``, ``mode``: as if set first. */
export interface PreviewTwap {
  type: "PreviewTwap";
  ticket: TwapTicket;
  leverage?: number | null;
  mode?: ModeName | null;
}

/** Send everything again. Answered by ``Done``. */
export interface Resynchronise {
  type: "Resynchronise";
}

/** Trade twice the position, so that it becomes its opposite. Answered by ``Placed``. */
export interface ReversePosition {
  type: "ReversePosition";
  market: string;
  slippage?: number;
}

/** What is None stays. Answered by ``Done``. */
export interface SetLeverage {
  type: "SetLeverage";
  market: string;
  leverage?: number | null;
  mode?: ModeName | null;
}

/** How much to trade so that a stop loses ``risk`` USD. Answered by ``Sized``. */
export interface SizeByRisk {
  type: "SizeByRisk";
  market: string;
  side: SideName;
  entry: string;
  stop: string;
  risk: string;
}

/** Replace the position's stops by one at its break-even price. Answered by ``Placed``. */
export interface StopToBreakEven {
  type: "StopToBreakEven";
  market: string;
}

/**
 * An order. ``price``: the limit; of a market order None. ``trigger_price``: of stops and
 * take-profits. ``slippage``: the most that a market order may pay beyond the mid, a share.
 * ``take_profit``, ``stop_loss``: triggers at market that are placed with it, for its size.
 * ``scale_to``, ``scale_count``: of a scale, the price of its last order and how many there are.
 */
export interface Ticket {
  market: string;
  side: SideName;
  kind: OrderKind;
  size: string;
  price?: string | null;
  triggerPrice?: string | null;
  reduceOnly?: boolean;
  slippage?: number;
  takeProfit?: string | null;
  stopLoss?: string | null;
  scaleTo?: string | null;
  scaleCount?: number;
}

/**
 * A time-weighted order: ``size`` in slices over ``minutes``. ``randomise``: what the
 * venue makes of it ``TwapTerms`` says.
 */
export interface TwapTicket {
  market: string;
  side: SideName;
  size: string;
  minutes: number;
  reduceOnly: boolean;
  randomise: boolean;
}

/** Look at this from now on; what is None stays. Answered by ``Done``. */
export interface Watch {
  type: "Watch";
  market?: string | null;
  account?: string | null;
  interval?: Interval | null;
}

/**
 * The account in view. Money is USD.
 *
 * The card: ``value``, ``unrealised``, ``used`` (initial margins and holds), ``available``,
 * ``maintenance``, ``ratio`` of the worst bucket, ``leverage`` (notional over value).
 */
export interface Account {
  type: "Account";
  address: string;
  grouping: GroupingName;
  value: string;
  unrealised: string;
  used: string;
  available: string;
  maintenance: string;
  ratio: number | null;
  leverage: number | null;
  notional: string;
  takerFee: number;
  makerFee: number;
  buckets: Bucket[];
  positions: Position[];
  orders: Order[];
  settings: MarketSetting[];
}

/**
 * An account to look at. ``label``: what it is, such as ``user 1``; ``may_trade``: whether the
 * page may act for it.
 */
export interface AccountInfo {
  row: number;
  address: string;
  label: string;
  kind: AccountKind;
  mayTrade: boolean;
}

/** Nothing has changed: the connection stands. Sent where nothing else was for a while. */
export interface Beat {
  type: "Beat";
}

/**
 * The book of the market in view. ``imbalance``: (bids - asks) / both, of the sizes shown.
 *
 * ``bid_depth``, ``ask_depth``: to be drawn, (price, size up to there) from the best price on, of
 * the whole book.
 */
export interface Book {
  type: "Book";
  market: string;
  bids: Level[];
  asks: Level[];
  spread: string | null;
  spreadShare: number | null;
  imbalance: number | null;
  bidDepth: [number, number][];
  askDepth: [number, number][];
}

/**
 * Prices at which a bucket holds no equity, its maintenance margin (so it is liquidated) and
 * its initial margin, all other prices standing still; None where none does. Of an isolated bucket
 * in its own market, of a pool in the market in view.
 * ``side``: that of its position, so the bucket loses the other way.
 */
export interface Boundaries {
  side: SideName;
  empty: string | null;
  maintenance: string | null;
  initial: string | null;
}

/**
 * A margin bucket: a cross pool, or the bucket of one isolated position. Money is USD.
 *
 * ``free``: equity that no margin needs, not below zero; with ``initial_margin`` and
 * ``maintenance_margin`` it fills the vessel. ``holds``: of resting orders. ``ratio``: maintenance
 * margin over equity, liquidation begins above 1; None without equity. ``position_markets``: the
 * markets whose positions it carries. ``boundaries``: None for a pool without a position in
 * the market in view.
 */
export interface Bucket {
  id: string;
  name: string;
  isIsolated: boolean;
  equity: string;
  unrealised: string;
  initialMargin: string;
  maintenanceMargin: string;
  free: string;
  withdrawable: string;
  holds: string;
  ratio: number | null;
  isLiquidatable: boolean;
  positionMarkets: string[];
  boundaries: Boundaries | null;
  reported: ReportedBucket | null;
}

/** To be drawn. */
export interface CandlePart {
  timeMs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/**
 * Candles of the market in view, oldest first.
 *
 * ``is_whole``: all there are to show; otherwise the newest ones, which replace those of the same
 * time and come after the others.
 */
export interface Candles {
  type: "Candles";
  market: string;
  interval: Interval;
  isWhole: boolean;
  candles: CandlePart[];
}

/**
 * Liquidations as they happen, and who would pay.
 *
 * ``insurance_fund`` and ``backstop_equity`` in USD. Counts are since the venue's start or last
 * revert. ``longs``, ``shorts``: the queues of the market in view, the next one first.
 */
export interface Cascade {
  type: "Cascade";
  market: string;
  events: CascadeEvent[];
  liquidations: number;
  liquidatedNotional: string;
  backstopNotional: string;
  deleveragedNotional: string;
  insurancePaid: string;
  insuranceFund: string;
  backstopEquity: string;
  backstopPositions: [string, string][];
  longs: Ranked[];
  shorts: Ranked[];
}

/**
 * One thing that happened in a liquidation. ``kind``: started, order, backstop, insurance,
 * deleveraged, stalled or ended. ``amount``: USD, notional of positions.
 */
export interface CascadeEvent {
  sequence: number;
  timeMs: number;
  kind: string;
  account: string;
  label: string;
  bucket: string;
  market: string | null;
  side: SideName | null;
  size: string | null;
  price: string | null;
  amount: string | null;
  isOwn: boolean;
}

/**
 * What closing a whole position in the book now would do. ``slippage``: of the average price
 * from the mid, a share, positive is worse; ``unfilled``: what the book does not hold.
 */
export interface Closing {
  averagePrice: string | null;
  worstPrice: string | null;
  slippage: number | null;
  unfilled: string;
}

/** What control has set on a market. ``withdrawn``, ``premium``: shares. */
export interface Condition {
  market: string;
  oracleMode: string;
  lagSeconds: number;
  withdrawn: number;
  premium: number;
  shocked: boolean;
  stale: boolean;
}

/** ``closed_profit`` before the fee. */
export interface Fill {
  id: number;
  timeMs: number;
  market: string;
  side: SideName;
  price: string;
  size: string;
  fee: string;
  closedProfit: string;
  isTaker: boolean;
  origin: string;
  isLiquidation: boolean;
}

/** ``amount``: received, negative for paid. */
export interface Funding {
  timeMs: number;
  market: string;
  amount: string;
  size: string;
  rate: number;
}

/**
 * A guard that runs on the venue; ``is_present`` false where none does.
 *
 * ``problems``: what a person must not miss; ``said``: its last lines. ``rules``: the nearest
 * first.
 */
export interface Guard {
  type: "Guard";
  isPresent: boolean;
  name: string;
  address: string;
  isArmed: boolean;
  isRunning: boolean;
  problems: string[];
  rules: GuardRule[];
  limits: GuardLimit[];
  decisions: GuardDecision[];
  said: [number, string][];
}

/**
 * Something that was done, and why. ``became``: accepted, refused, not sent, no answer or not
 * known.
 */
export interface GuardDecision {
  timeMs: number;
  what: string;
  where: string;
  rule: string;
  why: string;
  became: string;
  outcome: string;
}

/** A limit on drawdown, shares. */
export interface GuardLimit {
  name: string;
  now: number;
  limit: number;
  state: string;
}

/**
 * A rule of the policy that is armed, or why it is not. ``fires_at``: the mark of the market
 * nearest to liquidation at which it would fire, moving alone; ``move``: how far that is.
 */
export interface GuardRule {
  rule: string;
  action: string;
  market: string;
  firesAt: string | null;
  move: number | null;
  state: string;
}

/** What happened to the account in view, newest first. */
export interface History {
  type: "History";
  address: string;
  fills: Fill[];
  orders: OrderEnd[];
  funding: Funding[];
  transfers: Transfer[];
}

/**
 * ``total``: size up to here, this level included; ``own``: of it the account's at this level;
 * ``orders``: how many.
 */
export interface Level {
  price: string;
  size: string;
  total: string;
  orders: number;
  own: string;
}

/**
 * Where other accounts' positions in the market in view are liquidated, by price.
 *
 * Each price is as if only this market moved. ``is_known``: whether other accounts are known.
 */
export interface LiquidationMap {
  type: "LiquidationMap";
  market: string;
  isKnown: boolean;
  bins: MapBin[];
}

/** Positions that are liquidated between two prices, to be drawn. Notional in USD. */
export interface MapBin {
  low: number;
  high: number;
  longs: number;
  shorts: number;
  positions: number;
}

/**
 * What never changes of a market. ``row``: its number. A price has at most ``price_decimals``
 * and ``significant_figures`` (0: any; whole USD always), a size at most ``size_decimals``.
 */
export interface MarketInfo {
  row: number;
  name: string;
  priceDecimals: number;
  sizeDecimals: number;
  significantFigures: number;
  maximumLeverage: number;
  isolatedOnly: boolean;
  collateral: string;
  minimumOrderValue: string;
  tiers: [string, number][];
}

/**
 * One line of the list of markets. ``day_change``: a share, None where it is not known;
 * ``funding_rate``: an hour's, as it would be settled now. Open interest and volume are USD. None
 * for what is not known.
 */
export interface MarketRow {
  name: string;
  mark: string;
  oracle: string;
  bid: string | null;
  ask: string | null;
  mid: string | null;
  dayChange: number | null;
  dayVolume: string | null;
  fundingRate: number | null;
  nextFundingMs: number;
  openInterest: string | null;
  openInterestCap: string | null;
  status: string;
}

/** All markets. */
export interface Markets {
  type: "Markets";
  rows: MarketRow[];
}

/** Leverage and mode of the account in a market, and how much it could buy and sell now. */
export interface MarketSetting {
  market: string;
  leverage: number;
  mode: ModeName;
  mayBuy: string;
  maySell: string;
}

/**
 * Something that just happened and is worth a line or a sound.
 *
 * Each is sent once; of those that wait for a slow page the oldest are left out.
 *
 * ``kind``: filled, triggered, cancelled, rejected, liquidated, deleveraged, funding, control.
 */
export interface Notice {
  type: "Notice";
  kind: string;
  text: string;
  timeMs: number;
  market: string | null;
}

/**
 * An open order. ``price``: the limit. ``is_orphaned``: a reduce-only trigger without a
 * position that it could close. ``state``: resting, waiting for its trigger, or for a fill.
 */
export interface Order {
  id: string;
  market: string;
  side: SideName;
  kind: OrderKind;
  price: string;
  triggerPrice: string | null;
  size: string;
  originalSize: string;
  reduceOnly: boolean;
  wholePosition: boolean;
  placedMs: number | null;
  state: "resting" | "waiting_for_trigger" | "waiting_for_fill";
  isOrphaned: boolean;
  isBeyondLiquidation: boolean;
}

/** An order of the past. ``status``: filled, canceled, triggered or rejected. */
export interface OrderEnd {
  id: string;
  timeMs: number;
  market: string;
  side: SideName;
  kind: OrderKind;
  price: string;
  triggerPrice: string | null;
  size: string;
  remaining: string;
  status: string;
  reason: string;
}

/**
 * Where a recording stands. ``speed``: recorded seconds per second. ``moments``: what happened
 * when, to jump to.
 */
export interface Playback {
  startMs: number;
  endMs: number;
  nowMs: number;
  speed: number;
  isPlaying: boolean;
  moments: [number, string][];
}

/**
 * ``size`` is signed. ``distance``: share of the mark to the liquidation price, signed.
 * ``break_even``: the price at which closing now pays entry, funding and fees. ``rank``: place in
 * the deleveraging queue of its side, the first is next; ``ranked``: how many there are; None
 * where the other accounts are not known. ``reported``: the venue's own statement.
 */
export interface Position {
  market: string;
  bucket: string;
  size: string;
  notional: string;
  entryPrice: string;
  mark: string;
  breakEven: string;
  liquidationPrice: string | null;
  distance: number | null;
  leverage: number;
  mode: ModeName;
  unrealised: string;
  returnOnMargin: number | null;
  fundingPaid: string;
  initialMargin: string;
  maintenanceMargin: string;
  isolatedEquity: string | null;
  rank: number | null;
  ranked: number | null;
  closing: Closing;
  reported: ReportedPrice | null;
}

/** One place in the deleveraging queue. ``score``: profit factor x leverage. */
export interface Ranked {
  place: number;
  account: string;
  label: string;
  size: string;
  notional: string;
  score: number;
  isOwn: boolean;
}

/**
 * The venue as it is made; sent first, and again whenever everything may have changed.
 *
 * ``epoch``: changes when the venue went back in time: what the page remembers is then void.
 * ``source``: a venue that runs here; a recording; or an account of a venue that runs elsewhere,
 * which is only read. Nothing can be traded or changed but on a venue that runs here.
 * ``twap``: None where the venue takes no time-weighted orders from here.
 */
export interface Snapshot {
  type: "Snapshot";
  epoch: number;
  venue: string;
  mode: GroupingName;
  rulebook: string;
  markets: MarketInfo[];
  accounts: AccountInfo[];
  source: SourceKind;
  offered: Offered;
  twap: TwapTerms | null;
}

/** ``side``: the taker's. ``origin``: order, liquidation, backstop, deleveraging or twap. */
export interface Trade {
  id: number;
  timeMs: number;
  side: SideName;
  price: string;
  size: string;
  origin: string;
}

/** The newest trades of the market in view, newest first. */
export interface Trades {
  type: "Trades";
  market: string;
  trades: Trade[];
}

/** Money that came or went without a trade. */
export interface Transfer {
  timeMs: number;
  kind: string;
  amount: string;
}

/**
 * A time-weighted order. ``executed``: size so far, at ``average_price``; ``next_ms``: when the
 * next slice is due, ``ends_ms``: the last one, or when it ended; None where that is not known.
 */
export interface Twap {
  id: number;
  market: string;
  side: SideName;
  size: string;
  executed: string;
  averagePrice: string | null;
  slices: number;
  slicesSent: number;
  sliceSize: string;
  intervalMs: number;
  minutes: number;
  reduceOnly: boolean;
  randomise: boolean;
  state: "waiting" | "running" | "finished" | "cancelled" | "stopped" | "failed";
  createdMs: number;
  nextMs: number | null;
  endsMs: number | null;
}

/** The account's time-weighted orders, those that run first, then the newest ones first. */
export interface Twaps {
  type: "Twaps";
  address: string;
  twaps: Twap[];
}

/**
 * The venue's clock and control. ``speed``: venue seconds per second, 0 for a clock that only
 * ``advance`` moves. ``view``: what this connection looks at.
 */
export interface Venue {
  type: "Venue";
  nowMs: number;
  speed: number;
  paused: boolean;
  feed: string;
  agents: number;
  commands: number;
  historyTrouble: string;
  savePoints: string[];
  conditions: Condition[];
  view: View;
  playback: Playback | null;
  reading: Reading | null;
}

/** What a connection looks at. */
export interface View {
  market: string;
  account: string;
  interval: Interval;
}

/** One message of the server. */
export interface Sent {
  sequence: number;
  message: Surface;
}
