export * from "./api.ts";
export { createSctpEndpoint, type SctpEndpointOptions } from "./endpoint.ts";
