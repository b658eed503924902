#!/usr/bin/env bash
# A throw-away Slurm on this machine from Debian's packages, for the tests. Needs root.
#
#   cluster.sh install                 packages, where they are missing
#   cluster.sh start | stop            all daemons: munge, MariaDB, slurmdbd, slurmctld, a slurmd per node
#   cluster.sh stop-ctld | start-ctld  the controller alone
#   cluster.sh kill-node N | start-node N
#   cluster.sh daemons                 pids of daemons and job processes that are alive
#
# Everything is below $CLUSTER (short: a socket's path has at most 107 characters), except the link
# /etc/slurm/slurm.conf, which the plugin's job steps need: they drop SLURM_CONF. A real file there
# is never touched; `stop` takes the link away again.
set -euo pipefail

CLUSTER=${CLUSTER:-/tmp/fairser-slurm}
PORT=${CLUSTER_PORT:-26910}
CPUS=${CLUSTER_CPUS:-2}
MEMORY=${CLUSTER_MEMORY:-8000}
NODES=(c1 c2 g1) # two with CPUs, one with two GPUs that are no more than device files
LINK=/etc/slurm/slurm.conf
PACKAGES=(slurmctld slurmd slurmdbd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin munge
  mariadb-server)
export SLURM_CONF=$CLUSTER/etc/slurm.conf PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

running() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; }

alive() { # whether the process of a pid file is
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && running "$pid"
}

await() { # seconds command...
  local tries=$(($1 * 10)) i
  shift
  for ((i = 0; i < tries; i++)); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  echo "timeout: $*" >&2
  return 1
}

terminate() { # seconds pidfile...: SIGTERM, then SIGKILL; waits for the processes, not for their files
  local seconds=$1 file pid pids=() left i
  shift
  for file in "$@"; do alive "$file" && pids+=("$(cat "$file")") || true; done
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for ((i = 0; i < seconds * 10; i++)); do
    left=0
    for pid in "${pids[@]}"; do running "$pid" && left=1 || true; done
    [ $left = 0 ] && break
    sleep 0.1
  done
  for pid in "${pids[@]}"; do running "$pid" && kill -9 "$pid" 2>/dev/null || true; done
  rm -f "$@"
}

job_processes() { # of this cluster's jobs: slurmd gives each of them SLURM_CONF and its node's name
  local pid
  for pid in $(grep -lzs "^SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | cut -d/ -f3); do
    if grep -qzs '^SLURMD_NODENAME=' "/proc/$pid/environ" || grep -qs slurmstepd "/proc/$pid/comm"; then
      running "$pid" && echo "$pid" || true
    fi
  done
}

install_packages() {
  command -v slurmctld slurmd slurmdbd mariadbd munged >/dev/null && return
  local policy=/usr/sbin/policy-rc.d made=0
  if [ ! -e $policy ]; then # keeps the packages from starting daemons of their own
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    made=1
  fi
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}" \
      >/dev/null || status=$?
  [ $made = 1 ] && rm -f $policy
  return "${status:-0}"
}

write_configuration() {
  mkdir -p "$CLUSTER"/{etc,run,log,state,spool,munge,db,dev}
  chmod 755 "$CLUSTER" "$CLUSTER"/{etc,run,munge}
  [ -s "$CLUSTER/munge/key" ] ||
    (umask 077 && dd if=/dev/urandom of="$CLUSTER/munge/key" bs=1024 count=1 status=none)
  local gpu host port=$((PORT + 10)) node gres
  for gpu in 0 1; do [ -e "$CLUSTER/dev/gpu$gpu" ] || mknod "$CLUSTER/dev/gpu$gpu" c 1 3; done
  host=$(hostname -s)
  cat >"$SLURM_CONF" <<END
ClusterName=fairser
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/run/munge.sock
CryptoType=crypto/munge
SlurmctldPort=$PORT
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ReturnToService=2
StateSaveLocation=$CLUSTER/state
SlurmdSpoolDir=$CLUSTER/spool/%n
SlurmctldPidFile=$CLUSTER/run/slurmctld.pid
SlurmdPidFile=$CLUSTER/run/slurmd-%n.pid
SlurmctldLogFile=$CLUSTER/log/slurmctld.log
SlurmdLogFile=$CLUSTER/log/slurmd-%n.log
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=5,sched_interval=5,sched_min_interval=100000,batch_sched_delay=0
GresTypes=gpu
SlurmctldTimeout=30
SlurmdTimeout=20
KillWait=5
InactiveLimit=0
MinJobAge=300
JobRequeue=0
EnforcePartLimits=ALL
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + 1))
AccountingStoragePass=$CLUSTER/run/munge.sock
AccountingStorageTRES=gres/gpu
AccountingStorageEnforce=associations
PartitionName=cpu Nodes=c1,c2 Default=YES MaxTime=24:00:00 DefaultTime=10 DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes=g1 MaxTime=24:00:00 DefaultTime=10 DefMemPerCPU=500 State=UP
END
  for node in "${NODES[@]}"; do
    gres=""
    [ "$node" = g1 ] && gres="Gres=gpu:2"
    echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=$CPUS RealMemory=$MEMORY" \
      "$gres State=UNKNOWN" >>"$SLURM_CONF"
    port=$((port + 1))
  done
  echo "NodeName=g1 Name=gpu File=$CLUSTER/dev/gpu[0-1]" >"$CLUSTER/etc/gres.conf"
  (umask 077 && cat >"$CLUSTER/etc/slurmdbd.conf") <<END
AuthType=auth/munge
AuthInfo=socket=$CLUSTER/run/munge.sock
DbdHost=$host
DbdAddr=127.0.0.1
CommunicationParameters=NoInAddrAny
DbdPort=$((PORT + 1))
SlurmUser=root
PidFile=$CLUSTER/run/slurmdbd.pid
LogFile=$CLUSTER/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
END
  # MariaDB wants one statement a line.
  cat >"$CLUSTER/etc/init.sql" <<END
CREATE DATABASE IF NOT EXISTS slurm_acct_db;
CREATE USER IF NOT EXISTS 'slurm'@'localhost' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_acct_db.* TO 'slurm'@'localhost';
END
}

link_configuration() {
  if [ -e $LINK ] || [ -L $LINK ]; then
    [ "$(readlink $LINK)" = "$SLURM_CONF" ] && return
    echo "$LINK is there already: this machine has a Slurm of its own" >&2
    return 1
  fi
  [ -d /etc/slurm ] || { mkdir -p /etc/slurm && touch "$CLUSTER/etc/made-folder"; }
  ln -s "$SLURM_CONF" $LINK
}

start_accounting() {
  if ! alive "$CLUSTER/run/munged.pid"; then
    rm -f "$CLUSTER/run/munge.sock"*
    munged --key-file="$CLUSTER/munge/key" --socket="$CLUSTER/run/munge.sock" \
      --pid-file="$CLUSTER/run/munged.pid" --log-file="$CLUSTER/log/munged.log" \
      --seed-file="$CLUSTER/munge/seed" --num-threads=4 2>>"$CLUSTER/log/munged.err"
    await 10 sh -c "munge -S $CLUSTER/run/munge.sock -n | unmunge -S $CLUSTER/run/munge.sock"
  fi
  if ! alive "$CLUSTER/run/mariadb.pid"; then
    [ -d "$CLUSTER/db/mysql" ] ||
      mariadb-install-db --no-defaults --user=root --datadir="$CLUSTER/db" --skip-test-db \
        --auth-root-authentication-method=socket >"$CLUSTER/log/mariadb-install.log" 2>&1
    setsid nohup mariadbd --no-defaults --user=root --datadir="$CLUSTER/db" \
      --socket="$CLUSTER/run/mysql.sock" --pid-file="$CLUSTER/run/mariadb.pid" --skip-networking \
      --init-file="$CLUSTER/etc/init.sql" --innodb-buffer-pool-size=128M \
      --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 \
      --log-error="$CLUSTER/log/mariadb.log" >/dev/null 2>&1 </dev/null &
    await 30 mariadb-admin --no-defaults -S "$CLUSTER/run/mysql.sock" -uslurm -pslurm ping
  fi
  if ! alive "$CLUSTER/run/slurmdbd.pid"; then
    MYSQL_UNIX_PORT="$CLUSTER/run/mysql.sock" slurmdbd
    await 30 sacctmgr -n -i show cluster
  fi
  sacctmgr -n show cluster format=cluster | grep -qw fairser ||
    sacctmgr -i -Q add cluster fairser >/dev/null
  local user
  sacctmgr -n show account format=account | grep -qw project ||
    sacctmgr -i -Q add account project Cluster=fairser >/dev/null
  for user in "$(id -un)" nobody; do
    [ -n "$(sacctmgr -n show associations "user=$user" account=project)" ] ||
      sacctmgr -i -Q add user "$user" Account=project >/dev/null
  done
}

start_controller() {
  alive "$CLUSTER/run/slurmctld.pid" || slurmctld -f "$SLURM_CONF"
  await 20 scontrol ping
}

start_node() {
  alive "$CLUSTER/run/slurmd-$1.pid" && return
  mkdir -p "$CLUSTER/spool/$1"
  slurmd -N "$1" -f "$SLURM_CONF"
}

kill_node() {
  kill -9 "$(cat "$CLUSTER/run/slurmd-$1.pid")"
  rm -f "$CLUSTER/run/slurmd-$1.pid"
}

start() {
  install_packages
  mkdir -p "$CLUSTER/etc"
  link_configuration
  write_configuration
  start_accounting
  start_controller
  local node
  for node in "${NODES[@]}"; do start_node "$node"; done
  await 30 sh -c "! sinfo -hN -o %T | grep -vqE 'idle|mixed|allocated'"
}

stop() {
  [ -d "$CLUSTER/run" ] || return 0
  if alive "$CLUSTER/run/slurmctld.pid"; then
    timeout 5 squeue -h -o %i | xargs -r timeout 5 scancel 2>/dev/null || true
    await 10 sh -c '[ -z "$(squeue -h)" ]' || true
  fi
  terminate 10 "$CLUSTER"/run/slurmd-*.pid "$CLUSTER/run/slurmctld.pid"
  job_processes | xargs -r kill -9 2>/dev/null || true
  terminate 20 "$CLUSTER/run/slurmdbd.pid"
  terminate 20 "$CLUSTER/run/mariadb.pid" "$CLUSTER/run/munged.pid"
  if [ "$(readlink $LINK 2>/dev/null)" = "$SLURM_CONF" ]; then
    rm -f $LINK
    [ -e "$CLUSTER/etc/made-folder" ] && rmdir --ignore-fail-on-non-empty /etc/slurm
  fi
  rm -rf "$CLUSTER"
}

daemons() {
  local file
  for file in "$CLUSTER"/run/*.pid; do alive "$file" && cat "$file" || true; done
  job_processes
  # By command line too, should a pid file be gone.
  grep -las -- "$CLUSTER/" /proc/[0-9]*/cmdline | cut -d/ -f3 | while read -r pid; do
    case $(cat "/proc/$pid/comm" 2>/dev/null) in
      munged | mariadbd | slurmdbd | slurmctld | slurmd | slurmstepd*) echo "$pid" ;;
    esac
  done
}

case "${1:-}" in
  install) install_packages ;;
  start) start ;;
  stop) stop ;;
  # Not SIGKILL: a job that starts just before it is started a second time afterwards, and Slurm then
  # takes the job's node out of service ("Duplicate jobid").
  stop-ctld) terminate 20 "$CLUSTER/run/slurmctld.pid" ;;
  start-ctld) start_controller ;;
  kill-node) kill_node "$2" ;;
  start-node) start_node "$2" ;;
  daemons) daemons | sort -un ;;
  *)
    sed -n 2,9p "$0"
    exit 2
    ;;
esac
