#!/usr/bin/env bash
# Writes the programs of published models for compilers elsewhere: eng/dump-programs.sh [DIR] [NAME...]
#
# Each NAME (none: all) gets a folder below DIR (artifacts/programs) with training_step.mlir, prefill.mlir, decode.mlir,
# compile_options.pb and report.json: sizes, FLOPs, and where libtpu is installed the compiler's own figures.
# Models are built from their sizes alone; no weights, data or TPU are needed.
# The command is built from this checkout; WORKFLOWS names another one.
set -euo pipefail
cd "$(dirname "$0")/.."

#            name           model topology batch length rank
configurations="
  270m-full-v6e-1x1         270m  v6e:1x1  64    256    0
  1b-lora-v6e-1x1           1b    v6e:1x1  16    256    16
  1b-lora-v5e-1x1           1b    v5e:1x1  16    256    16
  4b-lora-v5e-1x1           4b    v5e:1x1  4     256    16
  1b-full-v5e-2x2           1b    v5e:2x2  16    256    0
  4b-full-v5e-2x4           4b    v5e:2x4  16    256    0"

fail() {
  echo "dump-programs: $1" >&2
  exit 2
}

# Sizes: https://github.com/google-deepmind/gemma (gemma/gm/nn/gemma3), in the names of Hugging Face's config.json.
config() { # hidden, MLP, layers, query heads, key heads, window, context, rows, scaling of global positions
  local scaling=null
  [ "$9" = 1 ] || scaling="{\"rope_type\": \"linear\", \"factor\": $9}"
  cat <<END
{
  "model_type": "gemma3_text", "hidden_size": $1, "intermediate_size": $2, "num_hidden_layers": $3,
  "num_attention_heads": $4, "num_key_value_heads": $5, "head_dim": 256, "query_pre_attn_scalar": 256,
  "sliding_window": $6, "sliding_window_pattern": 6, "max_position_embeddings": $7, "vocab_size": $8,
  "rope_theta": 1000000, "rope_local_base_freq": 10000, "rope_scaling": $scaling, "rms_norm_eps": 1e-6,
  "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": true
}
END
}

model() {
  case "$1" in
    270m) config 640 2048 18 4 1 512 32768 262144 1 ;;
    1b) config 1152 6912 26 4 1 512 32768 262144 1 ;;
    4b) config 2560 10240 34 8 4 1024 131072 262208 8 ;;
  esac
}

folder=${1:-artifacts/programs}
[ $# -eq 0 ] || shift
for wanted in "$@"; do
  grep -qE "^ *$wanted " <<<"$configurations" \
    || fail "there is no '$wanted'; use $(awk 'NF { printf "%s%s", sep, $1; sep = ", " }' <<<"$configurations")."
done

if [ -z "${WORKFLOWS:-}" ]; then
  dotnet build src/Cli -c Release -v quiet -clp:ErrorsOnly
  WORKFLOWS="dotnet artifacts/bin/Workflows.Cli/release/Workflows.Cli.dll"
fi

while read -r name size topology batch length rank; do
  [ -n "$name" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  mkdir -p "$folder/$name"
  model "$size" >"$folder/$name/config.json"
  method="LoRA rank $rank"
  [ "$rank" != 0 ] || method="full fine-tuning"
  echo "$name: Gemma 3 $size, $batch x $length tokens, $method, $topology"
  # Exit code 1: the compiler refuses one, which the report says.
  code=0
  $WORKFLOWS compile "$folder/$name" --topology "$topology" --batch "$batch" --length "$length" \
    --lora-rank "$rank" --dump "$folder/$name" --json >"$folder/$name/report.json" || code=$?
  [ "$code" -le 1 ] || exit "$code"
done <<<"$configurations"
