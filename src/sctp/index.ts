export * from "./api.ts";
export { createSctpEndpoint } from "./endpoint.ts";
