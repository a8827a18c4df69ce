using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workflows.Activities.Sweeping;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Capacity.Tests.Chaos;

/// <content>Draws the run, its market and its cloud.</content>
internal sealed partial class ChaosRun
{
    private const int MostCreateSeconds = 300;

    private static readonly string[] Zones =
        ["us-central1-a", "us-east1-d", "us-east5-a", "europe-west4-a", "asia-northeast1-b"];

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private RunSpec DrawSpec(string corpus)
    {
        var runId = new RunId(string.Create(CultureInfo.InvariantCulture, $"r{Random.Next(100000)}"));
        var isSpot = Random.Next(4) > 0;
        DateTimeOffset? deadline = isSpot && Random.Next(2) == 0
            ? _clock.GetUtcNow().AddSeconds(Random.Next(2000, 20000)) : null;
        var isQueued = Random.Next(4) == 0;

        var isMoving = isSpot && _isMoving;
        return new RunSpec
        {
            RunId = runId,
            Name = "chaos",
            Project = SweepRecord.RehearsalProject(runId),
            Direction = Random.Next(3) == 0 ? RunDirection.Both : RunDirection.KoToEn,
            Model = Checkout.PathOf("samples", "tiny-gemma3"),
            Prompt = "brief",
            Data = new DataSpec { Train = corpus },
            Tpu = new TpuSpec
            {
                AcceleratorTypes = Random.Next(2) == 0 ? ["v5litepod-8"] : ["v5litepod-8", "v5litepod-4"],
                Zones = [.. Zones.OrderBy(_ => Random.Next()).Take(Random.Next(1, Zones.Length))],
                Provisioning = isSpot ? ProvisioningMode.Spot : ProvisioningMode.OnDemand,
                Fallback = isSpot && Random.Next(2) == 0 ? SpotFallback.OnDemand : SpotFallback.None,
                AcquireTimeoutSeconds = Random.Next(1000, 20000),
                Move = isMoving ? MoveChoice.Cheaper : MoveChoice.None,
                Request = isQueued ? RequestWay.QueuedResource : RequestWay.Node,
                QueueSeconds = isQueued ? Random.Next(60, 2000) : 0,
            },
            Training = new TrainingSpec
            {
                Steps = isMoving ? Random.Next(30, 90) : Random.Next(4, 25),
                CheckpointEverySteps = Random.Next(1, 9),
                BatchSize = 4,
                WarmupSteps = 1,
            },
            Evaluation = new EvaluationSpec { BootstrapSamples = 50 },
            BudgetUsd = Random.Next(4) == 0 ? Random.NextDouble() * 6 : 1000,
            AllowOverBudget = true,
            MaxHours = Random.Next(6) == 0 ? Random.NextDouble() * 2 : null,
            Deadline = deadline,
            StopsAtDeadline = deadline is not null && Random.Next(3) == 0,
            IsRehearsal = true,
            Pace = new PaceSpec
            {
                PollSeconds = Random.Next(15, 90),
                SilenceSeconds = Random.Next(150, 400),
                BootSeconds = Random.Next(200, 900),
                RoundPauseSeconds = 30,
            },
        };
    }

    /// <summary>A market of which the cheapest places are often full has something to move to later.</summary>
    private ChaosMarket DrawMarket() => _isMoving
        ? new ChaosMarket(Random, 0.3 + Random.NextDouble() * 0.6, 2000 + Random.NextDouble() * 20000)
        : new ChaosMarket(Random, Random.NextDouble() * 0.8, 200 + Random.NextDouble() * 6000);

    /// <summary>Returns the time that the modelled worker takes, as an earlier run would have measured it.</summary>
    private TimeEstimate KnownTime(RunSpec spec)
    {
        var directions = spec.Direction == RunDirection.Both ? 2 : 1;
        var look = 2 * spec.Pace.PollSeconds;
        return new TimeEstimate(
            ChaosVm.MostBootSeconds + look, spec.Training.Steps * StepSeconds + look,
            directions * ((ChaosVm.TranslationSteps + 1) * StepSeconds + look), 1e6, 1, 1, 1, "known")
        {
            Source = EstimateSource.Measured,
        };
    }

    /// <summary>Draws a deadline for which the run has time, and leaves no other limit.</summary>
    private RunSpec DrawPromise(RunSpec spec, TimeEstimate time)
    {
        var work = time.Total + ChaosVm.MostBootSeconds + MostCreateSeconds;
        return spec with
        {
            BudgetUsd = 1000,
            MaxHours = null,
            Deadline = _clock.GetUtcNow().AddSeconds(work * (1 + 2 * Random.NextDouble())),
            StopsAtDeadline = false,
            Pace = spec.Pace with { BootSeconds = 900 },
            Tpu = spec.Tpu with
            {
                Provisioning = ProvisioningMode.Spot,
                Fallback = SpotFallback.OnDemand,
                Move = _isMoving ? MoveChoice.Cheaper : MoveChoice.None,
                Request = RequestWay.Node,
                QueueSeconds = 0,
            },
        };
    }

    private RunSpec DrawVariants(RunSpec spec)
    {
        spec = spec with
        {
            Handover = true,
            Concurrency = Random.Next(1, 3),
            StopOnFailure = Random.Next(4) == 0,
            Training = spec.Training with { Validation = new ValidationSpec { MaxPairs = 5 } },
        };
        return spec with
        {
            Variants = [.. Enumerable.Range(1, Random.Next(2, 5)).Select(number => new RunVariant(
                $"{number}", "{}", spec with
                {
                    RunId = new RunId($"{spec.RunId}-{number}"),
                    Group = new VariantGroup(spec.RunId, $"{number}") { MaxHours = spec.MaxHours },

                    // Some cannot use the node of the one before.
                    Tpu = Random.Next(4) > 0 ? spec.Tpu : spec.Tpu with { AcceleratorTypes = ["v5litepod-4"] },
                    Training = spec.Training with { Seed = number },
                }))],
        };
    }

    private string DrawScenario()
    {
        var zones = new Dictionary<string, ZoneScenario>(StringComparer.Ordinal);
        foreach (var zone in Spec.Tpu.Zones.Where(_ => !IsPromise && Random.Next(2) == 0))
        {
            var plays = Random.Next(10);
            zones[zone] = new ZoneScenario
            {
                Refuse = plays == 0 ? "LOCATION_POLICY_VIOLATED" : plays == 1 ? "ZONE_NOT_SUPPORTED" : null,
                Capacity = plays == 2 ? 0 : null,
                Quota = plays == 3
                    ? new Dictionary<string, int>
                    {
                        ["TPUV5sLitepodServingPerProjectPerZoneForTPUAPI"] = 4 * Random.Next(1, 3),
                    }
                    : new Dictionary<string, int>(),
                AcceleratorTypes = plays == 4 ? ["v5litepod-4"] : null,
                UnavailableCreates = plays == 5 ? Random.Next(1, 12) : 0,
                RateLimitedCreates = plays == 6 ? Random.Next(1, 5) : 0,
                Preempt = plays switch
                {
                    7 => new PreemptionScenario { WhileCreating = true, Nodes = 2 },
                    8 => new PreemptionScenario
                    {
                        AfterSeconds = Random.Next(3000),
                        NoticeSeconds = Random.Next(2) * Random.Next(200),
                        Nodes = 3,
                    },
                    _ => null,
                },
                Maintenance = plays < 8 && Random.Next(2) == 0 ? null : new MaintenanceScenario
                {
                    AfterSeconds = Random.Next(3000),
                    NoticeSeconds = Random.Next(2) * Random.Next(200),
                    ForSeconds = Random.Next(2) == 0 ? Random.Next(30) : Random.Next(3000),
                    Nodes = 3,
                },
            };
        }

        return JsonSerializer.Serialize(
            new Scenario
            {
                CreateSeconds = Random.Next(1, MostCreateSeconds),
                OperationLagSeconds = Random.Next(2) * Random.Next(200),
                DeleteSeconds = IsCalm ? Random.Next(1, (int)(5 * Spec.Pace.PollSeconds))
                    : Random.Next(10) == 0 ? 20000 : Random.Next(1, 200),
                QueueSeconds = Random.Next(1, 400),
                Zones = zones,
                Regions = Spec.Tpu.Zones.Where(_ => !IsPromise && Random.Next(10) == 0)
                    .Select(zone => zone[..^2]).Distinct().ToDictionary(region => region, _ => new RegionScenario
                    {
                        Quota = new Dictionary<string, int>
                        {
                            ["TPUV5sLitepodServingPerProjectPerRegionForTPUAPI"] = Random.Next(3) * 4,
                        },
                    }),
            },
            Json);
    }
}
