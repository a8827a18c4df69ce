using Workflows.Activities.Training;

namespace Workflows.Activities.Tests.Training;

public sealed class MetricsFileTests : RunFolder
{
    [Fact]
    public void Read_MissingFile_HasNoPoints() =>
        Assert.Empty(MetricsFile.Read(Path.Combine(Folder, "none.jsonl")));

    [Fact]
    public void Read_StepsDoneAgainAfterALoss_KeepsTheLaterPointInTheOrderOfSteps()
    {
        var path = Write("metrics.jsonl", [Point(1, 4), Point(2, 3), Point(3, 2.5), Point(2, 2.9), Point(3, 2.4)]);

        var points = MetricsFile.Read(path);

        Assert.Equal([(1, 4.0), (2, 2.9), (3, 2.4)], points.Select(point => (point.Step, point.Loss)));
    }

    [Fact]
    public void Read_LineThatACrashTore_LeavesItOut()
    {
        var path = Write("metrics.jsonl", [Point(1, 4), "{\"at\":\"2026-11-24T09:0", Point(2, 3)]);
        File.AppendAllText(path, "{\"at\":");

        Assert.Equal([1, 2], MetricsFile.Read(path).Select(point => point.Step));
    }

    [Fact]
    public void Read_FileThatIsBeingWritten_IsNotLockedByEither()
    {
        var path = Path.Combine(Folder, "metrics.jsonl");
        using var writer = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        writer.Write(System.Text.Encoding.UTF8.GetBytes(Point(1, 4) + "\n"));
        writer.Flush();

        Assert.Single(MetricsFile.Read(path));
    }

    [Fact]
    public void Read_StepDoneAgainWithoutItsMeasurement_KeepsTheMeasurement()
    {
        var measured = Point(2, 3)[..^1] + ""","validation":{"step":2,"score":2.5,"metric":"loss"}}""";
        var path = Write("metrics.jsonl", [Point(1, 4), measured, Point(3, 2), Point(2, 2.9)]);

        var points = MetricsFile.Read(path);

        Assert.Equal([4, 2.9, 2], points.Select(point => point.Loss));
        Assert.Equal([null, new ValidationFact(2, 2.5, "loss"), null], points.Select(point => point.Validation));
    }

    private static string Point(int step, double loss) => $$"""
        {"at":"2026-11-24T09:00:00+00:00","step":{{step}},"steps":3,"loss":{{loss}},"learningRate":0.001,
        """.TrimEnd('\n') + "\"gradientNorm\":1,\"tokens\":10,\"tokensPerSecond\":5,\"checkpointStep\":0}";
}
