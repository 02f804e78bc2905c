/** The pages behind the first one: one file, fetched when the first page has its figures, so that it waits for none of them. */
export { Events } from "../events/events";
export { Ai } from "./ai";
export { Apis } from "./apis";
export { Consumers } from "./consumers";
export { Errors } from "./errors";
export { Explore } from "../explore/explore";
export { Latency } from "./latency";
export { Where } from "./where";
