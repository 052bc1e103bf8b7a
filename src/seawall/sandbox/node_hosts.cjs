// node --require this file: TLS connections to the hosts in SEAWALL_HOSTS go to the port in
// SEAWALL_PROXY, whichever library opens them (https, axios, fetch, ws, WebSocket), because few of
// them ask the environment for a proxy. The certificate is still checked for the host's name.
const tls = require("node:tls");
const { syncBuiltinESMExports } = require("node:module");

const hosts = new Set((process.env.SEAWALL_HOSTS ?? "").split(",").filter(Boolean));
const proxy = new URL(process.env.SEAWALL_PROXY ?? "http://127.0.0.1:3443");
const connect = tls.connect;

tls.connect = function (...args) {
  const [options] = args;
  const host = options?.host ?? options?.hostname;
  if (hosts.has(host) && !options.socket) {
    const servername = options.servername || host;
    args[0] = { ...options, servername, host: proxy.hostname, port: Number(proxy.port) };
  }
  return connect.apply(this, args);
};
syncBuiltinESMExports(); // for `import { connect } from "node:tls"`
