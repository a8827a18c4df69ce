using Google.Cloud.Tpu.V2;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Handover;
using Workflows.Activities.Reporting;
using Workflows.Capacity.Bench.Product;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.GoogleCloud.TpuEmulator.Cloud;
using Workflows.Orchestrations;

namespace Workflows.Capacity.Tests.Chaos;

/// <summary>
/// One whole rehearsal on a virtual clock: the real engine, orchestrators, activities, clients and emulated cloud, with
/// modelled workers, and faults of all of them drawn from one seed.
/// </summary>
internal sealed partial class ChaosRun : IDisposable
{
    private const double MostDays = 20;

    /// <summary>Tries of a call to the cloud.</summary>
    private const int MostTries = 8;

    private const int MostWorkItems = 100_000;

    public static readonly DateTimeOffset Start = new(2026, 11, 24, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder;
    private readonly VirtualClock _clock = new(Start);
    private readonly EmulatedCloud _cloud;
    private readonly InProcessCloud _calls;
    private readonly Dictionary<string, ChaosVm> _vms = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Look>> _answers = new(StringComparer.Ordinal);
    private readonly bool _isMoving;
    private readonly TimeEstimate? _known;
    private readonly double _cloudFaults;
    private readonly double _crashes;
    private readonly DateTimeOffset? _cancelAt;
    private readonly List<(DateTimeOffset From, DateTimeOffset To)> _silences = [];
    private DateTimeOffset _outageUntil;
    private int _lostCreates;
    private ChaosService? _service;
    private bool _isCancelAsked;

    /// <summary>Draws a run.</summary>
    /// <param name="random">Draws everything.</param>
    /// <param name="corpus">Training pairs.</param>
    /// <param name="isGroup">true for a group of variants that pass their nodes on.</param>
    public ChaosRun(Random random, string corpus, bool isGroup = false)
    {
        Random = random;

        // Memory, where there is a file system in it: the engine's durability has tests of its own.
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        _folder = Directory.CreateDirectory(Path.Combine(root, $"chaos-{Guid.NewGuid():N}")).FullName;
        _isMoving = random.Next(3) == 0;
        IsPromise = !isGroup && random.Next(6) == 0;
        IsCalm = IsPromise || random.Next(4) == 0;
        _cloudFaults = IsCalm || random.Next(3) == 0 ? 0 : random.NextDouble() * 0.25;
        WorkerFaults = IsPromise || random.Next(3) == 0 ? 0 : random.NextDouble() * 0.2;
        _crashes = IsCalm || random.Next(3) == 0 ? 0 : random.NextDouble() * 0.03;

        // A run that moves is long enough for it: a node has its job for ten minutes before.
        StepSeconds = random.Next(5, 60) + (_isMoving ? 60 : 0);
        _cloud = new EmulatedCloud(
            new EmulatorOptions { StateDirectory = Path.Combine(_folder, "emulator") }, _clock,
            NullLogger<EmulatedCloud>.Instance, DrawMarket());
        _calls = new InProcessCloud(_cloud, NextFault, Answered);
        Spec = DrawSpec(corpus);
        if (isGroup)
        {
            Spec = DrawVariants(Spec);
        }

        if (IsPromise)
        {
            _known = KnownTime(Spec);
            Spec = DrawPromise(Spec, _known);
        }

        _cloud.Prepare(Spec.Project, DrawScenario());
        _cancelAt = !IsPromise && random.Next(6) == 0 ? _clock.GetUtcNow().AddSeconds(random.Next(1, 4000)) : null;
    }

    public Random Random { get; }

    public RunId RunId => Spec.RunId;

    public RunSpec Spec { get; }

    /// <summary>Gets a value indicating whether the service and the cloud's API never fail, so that the run's limits
    /// hold exactly.</summary>
    public bool IsCalm { get; }

    /// <summary>Gets a value indicating whether nothing but the loss of spot nodes can keep the run from its deadline,
    /// as its rates are known: one that it accepts must be kept.</summary>
    public bool IsPromise { get; }

    /// <summary>Gets a value indicating whether the deadline leaves time for the whole run on demand, by the numbers
    /// that the product has.</summary>
    public bool IsFeasible => _known is { } time && Spec.Deadline is { } deadline && new WorkOutlook(
        time.Train + time.Evaluate, time.Evaluate, time.Rest, Spec.Pace.BootSeconds, time.Basis)
        .KeepSpotUntil(deadline, Spec.Pace) > Start;

    public double StepSeconds { get; }

    /// <summary>Gets the share of a worker's steps at which something breaks.</summary>
    public double WorkerFaults { get; }

    /// <summary>Gets the newest checkpoint of each run, which outlives every VM.</summary>
    public Dictionary<RunId, int> Checkpoints { get; } = [];

    /// <summary>Gets the runs that may have nodes: the variants of a group.</summary>
    public IReadOnlyList<RunId> Members => Spec.Variants is { } variants
        ? [.. variants.Select(variant => variant.Spec.RunId)] : [RunId];

    /// <summary>Gets the nodes that variants got from others.</summary>
    public int Passed { get; private set; }

    public int Crashes { get; private set; }

    public int WorkItems { get; private set; }

    /// <summary>Gets the times in which the cloud's API or the service was away, so that nobody could look.</summary>
    public IReadOnlyList<(DateTimeOffset From, DateTimeOffset To)> Silences => _silences;

    /// <summary>Gets the requests for a node of which every answer was lost.</summary>
    public int LostCreates { get; private set; }

    /// <summary>Gets the steps of moves, by their kind in the ledger.</summary>
    public IReadOnlyDictionary<string, int> Moves { get; private set; } = new Dictionary<string, int>();

    /// <summary>Runs it to its end, and checks the end.</summary>
    public async Task<RunOutcome> RunAsync()
    {
        _service = await ChaosService.StartAsync(_folder, _clock, _calls, _known);
        await _service.StartRunAsync(Spec);
        var pending = new List<WorkItem>();
        RunOutcome? outcome;
        do
        {
            outcome = await PassAsync(pending);
        }
        while (outcome is null);

        Passed = Members.Sum(id => Handovers.Received(_service!.Ledger, id).Count);
        await ChaosVerdict.CheckAsync(this, outcome, _service, _cloud, _clock, _answers, _isCancelAsked);
        Moves = Members.SelectMany(_service.Ledger.Read)
            .Where(entry => entry.Kind is LedgerKinds.MoveBegun or LedgerKinds.Moved or LedgerKinds.MoveGivenUp)
            .GroupBy(entry => entry.Kind).ToDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);
        return outcome;
    }

    public void Dispose()
    {
        _service?.CrashAsync().GetAwaiter().GetResult();
        _calls.Dispose();
        _cloud.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Does one piece of work, or moves the clock if there is none.</summary>
    private async Task<RunOutcome?> PassAsync(List<WorkItem> pending)
    {
        await _service!.SettleAsync();
        while (_service.Session.Items.Reader.TryRead(out var frame))
        {
            pending.Add(frame.Item);
        }

        if (pending.Count > 0)
        {
            var at = Random.Next(pending.Count);
            var item = pending[at];
            pending.RemoveAt(at);
            await HandleAsync(item, pending);
            return null;
        }

        if (await _service.OutcomeAsync(RunId) is { } outcome)
        {
            return outcome;
        }

        await MoveAsync();
        return null;
    }

    private async Task HandleAsync(WorkItem item, List<WorkItem> pending)
    {
        // A run takes some hundred; one that never moves the clock would hang the tests.
        Assert.True(++WorkItems <= MostWorkItems, $"The run is not over after {MostWorkItems} work items.");
        if (item.OrchestratorRequest is not null)
        {
            var answer = ChaosService.Decide(item);
            if (!await IsCrashedAsync(pending))
            {
                await _service!.CompleteAsync(answer);
            }
        }
        else if (item.ActivityRequest is not null)
        {
            var answer = await _service!.DoAsync(item);
            if (Random.NextDouble() < _crashes)
            {
                // The item was handed out twice.
                answer = await _service.DoAsync(item);
            }

            if (!await IsCrashedAsync(pending))
            {
                await _service.CompleteAsync(answer);
            }
        }
    }

    /// <summary>Perhaps kills the service, after its effects and before its answer; another one takes over.</summary>
    private async Task<bool> IsCrashedAsync(List<WorkItem> pending)
    {
        if (Random.NextDouble() >= _crashes)
        {
            return false;
        }

        Crashes++;
        pending.Clear();
        await _service!.CrashAsync();
        _service = null;
        foreach (var vm in _vms.Values)
        {
            vm.Disconnect(_clock.GetUtcNow());
        }

        // The cloud and the workers go on meanwhile.
        var upAt = _clock.GetUtcNow().AddSeconds(Random.Next(3) == 0 ? Random.Next(400) : 1);
        while (NextOfTheWorld() is { } next && next < upAt)
        {
            await WorldAsync(next);
        }

        _silences.Add((_clock.GetUtcNow(), upAt));
        _clock.MoveTo(upAt);
        _service = await ChaosService.StartAsync(_folder, _clock, _calls, _known);
        return true;
    }

    private async Task MoveAsync()
    {
        var now = _clock.GetUtcNow();
        if (_cancelAt <= now && !_isCancelAsked)
        {
            _isCancelAsked = true;
            await _service!.RaiseAsync($"{RunId}", RunEvents.Cancel, "a person");
            return;
        }

        var next = new[] { NextOfTheWorld(), _clock.NextDue, _isCancelAsked ? null : _cancelAt }.Min()
            ?? throw new InvalidOperationException("Nothing is due, and the run has not ended.");
        if ((next - Start).TotalDays > MostDays)
        {
            throw new InvalidOperationException(
                $"The run has not ended after {MostDays} days. Its last facts:\n"
                + string.Join('\n', _service!.Ledger.Read(RunId).TakeLast(20)));
        }

        await WorldAsync(next);
    }

    private DateTimeOffset? NextOfTheWorld() => _vms.Values.Select(vm => (DateTimeOffset?)vm.NextAt)
        .Append(_clock.GetUtcNow() + _cloud.Pass()).Where(at => at != DateTimeOffset.MaxValue).Min();

    /// <summary>Moves the clock, the cloud and the VMs.</summary>
    private async Task WorldAsync(DateTimeOffset to)
    {
        _clock.MoveTo(to);
        _cloud.Pass();
        var nodes = _cloud.List(Spec.Project, "-").Where(node => node.State == Node.Types.State.Ready)
            .ToDictionary(node => node.Name, StringComparer.Ordinal);
        foreach (var gone in _vms.Keys.Where(name => !nodes.ContainsKey(name)).ToList())
        {
            _vms.Remove(gone);
        }

        foreach (var (name, node) in nodes)
        {
            if (!_vms.ContainsKey(name))
            {
                _vms.Add(name, new ChaosVm(this, node, to));
            }
        }

        foreach (var vm in _vms.Values.Where(vm => vm.NextAt <= to).ToList())
        {
            await vm.StepAsync(_service, to);
        }
    }

    private CallFault NextFault(string method)
    {
        var now = _clock.GetUtcNow();
        if (now < _outageUntil)
        {
            return CallFault.LostRequest;
        }

        if (Random.NextDouble() < _cloudFaults / 50)
        {
            _outageUntil = now.AddSeconds(Random.Next(10, 1500));
            _silences.Add((now, _outageUntil));
        }

        if (method is "CreateNode" or "CreateQueuedResource" && (_lostCreates > 0 || IsCreateLost()))
        {
            // The node is made, and none of the tries hears of it.
            _lostCreates--;
            return CallFault.LostAnswer;
        }

        return Random.NextDouble() < _cloudFaults ? (CallFault)Random.Next(1, 7) : CallFault.None;
    }

    private bool IsCreateLost()
    {
        if (_cloudFaults == 0 || Random.Next(6) > 0)
        {
            return false;
        }

        LostCreates++;
        _lostCreates = MostTries;
        return true;
    }

    /// <summary>Notes when the product learnt something about a node.</summary>
    private void Answered(object request)
    {
        var (name, state) = request switch
        {
            GetNodeRequest get => (get.Name, _cloud.List(Spec.Project, "-").FirstOrDefault(
                node => node.Name == get.Name)?.State.ToString()),
            GetQueuedResourceRequest get => (get.Name, _cloud.ListQueued(Spec.Project, "-").FirstOrDefault(
                queued => queued.Name == get.Name)?.State.State.ToString()),
            _ => (null, null),
        };
        if (name is not null)
        {
            _answers.TryAdd(name, []);
            _answers[name].Add(new Look(_clock.GetUtcNow(), state));
        }
    }
}
