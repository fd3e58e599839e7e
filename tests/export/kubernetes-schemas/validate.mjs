// Says what the published schemas have against the objects on standard input, a JSON list: a JSON list of texts.
import { readFileSync } from "node:fs";
import { Rollout } from "@kubernetes-models/argo-rollouts/argoproj.io/v1alpha1/Rollout";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";
import { VirtualService } from "@kubernetes-models/istio/networking.istio.io/v1/VirtualService";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";

const kinds = [Rollout, HTTPRoute, VirtualService, ConfigMap];
const problem = (object) => {
  const kind = kinds.find((each) => each.is(object));
  if (!kind) return `${object.apiVersion} ${object.kind} is no kind that is known here`;
  try {
    new kind(object).validate();
  } catch (error) {
    return error.message;
  }
};
const objects = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(objects.map(problem).filter((each) => each !== undefined)));
