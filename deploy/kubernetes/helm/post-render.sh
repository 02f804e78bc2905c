#!/bin/sh
# Adds the bridge to what WSO2's chart renders (standard input to standard output), for Helm 3:
#
#   helm upgrade --install gateway wso2/wso2am-universal-gw -f values.yaml --post-renderer ./post-render.sh
set -eu
cd "$(dirname "$0")"
trap 'rm -f chart.yaml' EXIT
cat > chart.yaml
kubectl kustomize .
