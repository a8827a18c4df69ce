using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Tests.Artifacts;

public sealed class RunArtifactsTests : RunFolder
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("/some/folder")]
    public async Task Choose_ForARunThatPaysWithoutABucket_IsRefusedWithTheSetting(string? setting)
    {
        var artifacts = new RunArtifacts(Ledger, setting);

        var fault = await Assert.ThrowsAsync<RunFaultException>(() =>
            artifacts.ChooseAsync(Spec() with { IsRehearsal = false }, Cancellation));

        Assert.Equal("ARTIFACTS_NOT_SHARED", fault.Failure.Code);
        Assert.Contains("gs://BUCKET/PREFIX", fault.Failure.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Choose_ForARunThatPays_IsBelowTheBucketOfTheSettings()
    {
        var (run, models) = await new RunArtifacts(Ledger, "gs://my-bucket/some").ChooseAsync(
            Spec() with { IsRehearsal = false }, Cancellation);

        Assert.Equal(("gs://my-bucket/some/runs/r", "gs://my-bucket/some/models"), ($"{run}", $"{models}"));
    }

    [Fact]
    public async Task Choose_ForARehearsal_TouchesNoRealBucket()
    {
        var (own, _) = await new RunArtifacts(Ledger, "gs://my-bucket").ChooseAsync(Spec(), Cancellation);
        var (given, _) = await new RunArtifacts(Ledger, Folder).ChooseAsync(Spec(), Cancellation);

        Assert.Equal(Ledger.DirectoryOf(Id), own.Path);
        Assert.Equal(Path.Combine(Folder, "runs", "r"), given.Path);
    }

    [Fact]
    public async Task BringModel_ToAFolder_CopiesNothing() => Assert.Equal(
        SampleModel, (await new RunArtifacts(Ledger).BringModelAsync(
            Spec(), ArtifactUri.OfFile(Folder), new ModelSource(ArtifactUri.OfFile(SampleModel), []), null,
            Cancellation)).Tree.Path);

    [Theory]
    [InlineData("relative/folder")]
    [InlineData("s3://bucket")]
    [InlineData("hf://google/gemma-3-1b-it")]
    public void Settings_ThatNameNoPlaceToWrite_AreRefused(string setting) => Assert.Equal(
        ArtifactFault.Address, Assert.Throws<ArtifactException>(() => new RunArtifacts(Ledger, setting)).Fault);

    [Theory]
    [InlineData(ArtifactFault.Forbidden, true)]
    [InlineData(ArtifactFault.NotFound, true)]
    [InlineData(ArtifactFault.Unavailable, false)]
    [InlineData(ArtifactFault.RateLimited, false)]
    public async Task Guard_OfAFault_EndsTheRunOnlyWhereNoRetryHelps(ArtifactFault fault, bool ends)
    {
        var thrown = await Record.ExceptionAsync(() => RunArtifacts.GuardAsync<bool>(
            () => throw new ArtifactException(fault, "gs://b/x", "words.", "fix.")));

        Assert.Equal(ends, thrown is RunFaultException);
        Assert.Equal(!ends, thrown is RunOutageException);
        var details = TaskFailureDetails.FromException(thrown!);
        Assert.Equal(!ends, RunFaultException.IsWorthRetrying(details));
        Assert.Equal(
            new RunFailure(ArtifactException.CodeOf(fault), "gs://b/x: words.", "fix."),
            RunFaultException.Read(details));
    }
}
