// Starts Swagger UI on the agent's own description. A file of its own, because the page forbids inline scripts.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // never ask an outside server about the description
  presets: [SwaggerUIBundle.presets.apis],
});
