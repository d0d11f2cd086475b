#!/bin/sh
# The benchmark on a machine with a GPU's driver and without Node or network: sh run.sh [filters] [--quick].
# Then PyTorch on the same cases, where python3 has it. Both append JSON lines to bench.jsonl.
set -eu
cd "$(dirname "$0")"
for file in node node_modules/webgpu/dist/linux-x64/dawn.node; do
  if [ ! -e "$file" ]; then
    gzip -dc "$file.gz" > "$file.part"
    chmod +x "$file.part"
    mv "$file.part" "$file"
  fi
done
# A container may have NVIDIA's driver without the loader or the manifest that names the driver.
listed=$(ldconfig -p 2>/dev/null || true)
case $listed in *libvulkan.so.1*) ;; *) export LD_LIBRARY_PATH="$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ;; esac
if [ -z "${VK_DRIVER_FILES:-}" ] && ! ls /etc/vulkan/icd.d/*.json /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1; then
  case $listed in
    *libGLX_nvidia.so.0*) export VK_DRIVER_FILES="$PWD/lib/nvidia_icd.json" VK_ICD_FILENAMES="$PWD/lib/nvidia_icd.json" ;;
  esac
fi
./node cli.js "$@" --history bench.jsonl
if python3 -c 'import numpy, torch' 2>/dev/null; then
  echo
  python3 bench_torch.py "$@" --history bench.jsonl
else
  echo 'python3 has no PyTorch: no figures of it' >&2
fi
