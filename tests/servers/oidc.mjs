// A certified OpenID provider as it comes: PKCE demanded, consent asked for, refresh tokens turned over at each use.
import { Provider } from "oidc-provider";

const port = process.argv.at(-1);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "client-1",
    application_type: "native",
    token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  }],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: ["openid", "offline_access", "tickets"],
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  ttl: { AccessToken: 2, Grant: 3600, Interaction: 600, Session: 3600, RefreshToken: 3600, IdToken: 600 },
  cookies: { keys: ["only for tests"] },
});
provider.listen(Number(port), "127.0.0.1");
