using Workflows.Activities.Reporting;
using Workflows.Orchestrations;
using Workflows.Translation;

namespace Workflows.Activities.Tests.Reporting;

/// <summary>Reports for tests of their words and their form.</summary>
internal static class Reports
{
    public static VerdictSection Verdict(VerdictOutcome outcome, double delta, double? p, int pairs = 200) => new(
        TranslationDirection.KoToEn, outcome == VerdictOutcome.Finer, delta, p, null, pairs,
        Score(10, "base.txt"), Score(10 + delta, "tuned.txt"), [])
    {
        Outcome = outcome,
    };

    public static RunReport Report(params VerdictSection[] verdicts) => new()
    {
        RunId = new RunId("run-1"),
        Name = "a <b>name</b>",
        Status = RunStatus.Succeeded,
        Verdict = verdicts.FirstOrDefault(),
        Verdicts = verdicts,
        Attempts =
        [
            new AttemptRow(
                1, "us-a1-a", "v5litepod-8", ProvisioningMode.OnDemand, AttemptOutcome.Refused, "QUOTA_EXHAUSTED",
                "Quota <x> exhausted", RefusalScope.Region, "ask for more", 0.5),
            new AttemptRow(
                2, "us-b1-a", "v5litepod-8", ProvisioningMode.Spot, AttemptOutcome.Ready, null, null, null, null, 2),
        ],
        Recoveries = [new RecoveryRow("us-b1-a", "PREEMPTED", 4, 50, 12)],
        Cost = new CostSection(
            "USD", 0.5, 0.25, 10, new Dictionary<RunStageName, double> { [RunStageName.Train] = 0.25 }),
        Teardown = [new TeardownRow("projects/p/locations/us-b1-a/nodes/n", "us-b1-a", null, false)],
        Stages = [new StageRow(RunStageName.Train, new DateTimeOffset(2026, 11, 24, 9, 0, 0, TimeSpan.Zero), 3)],
        Artifacts = new ArtifactSection(null, "report.json", "report.html"),
    };

    private static SystemScore Score(double bleu, string file) =>
        new(bleu, "nrefs:1|tok:13a", bleu + 1, "nrefs:1|nc:6", file, new Dictionary<string, int>());
}
