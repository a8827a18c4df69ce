using System.Globalization;

namespace Workflows.Orchestrations.Tests;

/// <summary>
/// A training on a random spot market, by the real orchestrators on a virtual clock: refusals, slow nodes and
/// preemptions on spot; on-demand nodes that keep their promised wait.
/// </summary>
internal sealed class SpotMarket
{
    private const int Steps = 200, CheckpointEvery = 20;
    private const double StepSeconds = 10, StartSeconds = 60, OnDemandSeconds = 120;

    private readonly FakeContext _context = new();
    private readonly Random _random;
    private readonly double _refusedShare;
    private readonly double _meanLife;
    private DateTime _usableAt;
    private DateTime _worksFrom;
    private DateTime _diesAt;
    private int _checkpoint;
    private int _newest;
    private int _works;
    private bool _isSpot;

    public SpotMarket(int seed)
    {
        _random = new Random(seed);
        _refusedShare = _random.NextDouble();
        _meanLife = 100 + _random.NextDouble() * 3000;
        Deadline = _context.CurrentUtcDateTime.AddSeconds(Steps * StepSeconds * (1.2 + 2 * _random.NextDouble()));
        _context.Answer = Answer;
    }

    public DateTime Deadline { get; }

    public DateTime FinishedAt { get; private set; } = DateTime.MaxValue;

    public bool IsOnSpotToTheEnd { get; private set; }

    public async Task RunAsync()
    {
        var place = Given.At("us-a1-a");
        var plan = Given.Plan("us-a1-a", "us-b1-a") with
        {
            OnDemand = [place with { Provisioning = ProvisioningMode.OnDemand }],
        };
        var spec = Given.Spec with
        {
            Deadline = Deadline,
            Tpu = Given.Spec.Tpu with { Fallback = SpotFallback.OnDemand, AcquireTimeoutSeconds = 1e6 },
            Pace = Given.Spec.Pace with { BootSeconds = 600 },
        };
        object? next = new TpuWorkInput(JobKind.Train, spec, plan, Given.Data, null, 1);
        while (next is TpuWorkInput input)
        {
            var before = _context.NextGeneration;
            var result = await new TpuWorkOrchestration().RunAsync(_context, input);
            next = ReferenceEquals(before, _context.NextGeneration) ? null : _context.NextGeneration;
            if (next is null)
            {
                Assert.Null(result.Failure);
                (FinishedAt, IsOnSpotToTheEnd) = (_context.CurrentUtcDateTime, !result.IsSwitched);
            }
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"finished {(FinishedAt - Deadline).TotalSeconds:0} s after its deadline, refused {_refusedShare:0.00}, mean "
        + $"life {_meanLife:0} s");

    private object? Answer(string name, object? input)
    {
        var now = _context.CurrentUtcDateTime;
        switch (name)
        {
            case nameof(AcquireTpuOrchestration):
                return new AcquireTpuOrchestration().RunAsync(_context, (AcquireInput)input!);
            case Stages.CreateNode:
                return Create((CreateNodeInput)input!, now);
            case Stages.ObserveNode:
                return new NodeObservation("READY", now >= _usableAt, null);
            case Stages.ReleaseNode:
                _checkpoint = Math.Max(_checkpoint, _newest);
                return new NodeRelease(((ReleaseInput)input!).NodeName, "READY", false);
            case Stages.DispatchJob when ((DispatchInput)input!).Lease.Attempt != _works:
                // A node that has the job already goes on with it.
                (_works, _worksFrom) = (((DispatchInput)input).Lease.Attempt, now.AddSeconds(StartSeconds));
                return true;
            case Stages.ObserveJob:
                return Observe(now);
            case Stages.Outlook:
                return Outlook();
            default:
                return true;
        }
    }

    private CreateNodeResult Create(CreateNodeInput input, DateTime now)
    {
        _isSpot = input.Candidate.Provisioning == ProvisioningMode.Spot;
        var node = Given.Node(input.Candidate.Zone, $"n{input.Attempt}");
        if (_isSpot && _random.NextDouble() < _refusedShare)
        {
            return new CreateNodeResult(node, null, Given.Refusal("OUT_OF_CAPACITY", RefusalScope.Zone, 600));
        }

        _usableAt = now.AddSeconds(_isSpot ? _random.NextDouble() * 700 : _random.NextDouble() * OnDemandSeconds);
        _diesAt = _isSpot ? _usableAt.AddSeconds(-_meanLife * Math.Log(1 - _random.NextDouble())) : DateTime.MaxValue;
        return new CreateNodeResult(node, "operation", null);
    }

    private JobObservation Observe(DateTime now)
    {
        var until = now < _diesAt ? now : _diesAt;
        var done = Math.Max(0, (until - _worksFrom).TotalSeconds) / StepSeconds;
        var step = Math.Min(Steps, (int)(_checkpoint + done));
        if (now >= _diesAt && step < Steps)
        {
            var lost = step % CheckpointEvery;
            _checkpoint = step - lost;
            return new JobObservation("PREEMPTED", true, "PREEMPTED", lost, null, step, Steps, 1, 1);
        }

        // The newest checkpoint counts, since that is what a loss leaves.
        _newest = step - (step % CheckpointEvery);
        return new JobObservation(
            "READY", false, null, 0, step >= Steps ? new JobEnd(true, null, null) : null, step, Steps, 1, 1)
        {
            Outlook = Outlook(_newest),
        };
    }

    private WorkOutlook Outlook(int? checkpoint = null)
    {
        var left = Steps - (checkpoint ?? _checkpoint);
        return new WorkOutlook(
            left * StepSeconds, Math.Min(left, CheckpointEvery) * StepSeconds, StartSeconds, OnDemandSeconds, "");
    }
}
