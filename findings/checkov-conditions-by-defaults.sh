#!/usr/bin/env bash
# checkov 3.3.30, CloudFormation.
#
# Expected: a scan reports a resource whatever its Condition, or says that it left one out; nothing in the report
# of a clean scan hints at resources that exist only with other parameters.
# Seen: conditions are evaluated with the defaults of the parameters. Of two equal topics without encryption the
# one whose condition is false by default is neither passed, failed nor skipped, and there is no option to give
# parameter values: a template whose parts are off by default scans clean. A copy with other defaults tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check checkov==3.3.30 2>/dev/null

cat >"$folder/off.yaml" <<'TEMPLATE'
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Extra: { Type: String, Default: "off", AllowedValues: ["on", "off"] }
Conditions:
  HasExtra: !Equals [!Ref Extra, "on"]
Resources:
  AlwaysTopic: { Type: AWS::SNS::Topic }
  ExtraTopic: { Type: AWS::SNS::Topic, Condition: HasExtra }
TEMPLATE
sed 's/Default: "off"/Default: "on"/' "$folder/off.yaml" >"$folder/on.yaml"

reported() { # FILE: the resources that checkov names in any list of its report
    "$folder/venv/bin/checkov" --file "$1" --framework cloudformation --output json --skip-download --soft-fail \
        2>/dev/null | grep -o 'AWS::SNS::Topic\.[A-Za-z]*' | sort -u | tr '\n' ' '
}
off=$(reported "$folder/off.yaml")
on=$(reported "$folder/on.yaml")
echo "with the default off: $off"
echo "with the default on:  $on"
[ "$off" = "AWS::SNS::Topic.AlwaysTopic " ] && [ "$on" = "AWS::SNS::Topic.AlwaysTopic AWS::SNS::Topic.ExtraTopic " ]
