"use strict";
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  docExpansion: "none",
  filter: true,
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
