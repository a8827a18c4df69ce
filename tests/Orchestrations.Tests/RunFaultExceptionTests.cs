using Microsoft.DurableTask;

namespace Workflows.Orchestrations.Tests;

/// <summary>A fault is carried through a history as text, and must come back whole.</summary>
public sealed class RunFaultExceptionTests
{
    [Theory]
    [InlineData("what happened", "what to do")]
    [InlineData("a: b: c", "d: e")]
    [InlineData("of two\nlines", "in two\nlines")]
    [InlineData("with\nFix: inside", "the last mark counts")]
    [InlineData("", "")]
    public void Read_OfAFaultInAHistory_GivesItsThreeParts(string message, string fix)
    {
        var details = TaskFailureDetails.FromException(new RunFaultException("A_CODE", message, fix));

        Assert.Equal(new RunFailure("A_CODE", message, fix), RunFaultException.Read(details));
        Assert.False(RunFaultException.IsWorthRetrying(details));

        var outage = TaskFailureDetails.FromException(new RunOutageException("A_CODE", message, fix));
        Assert.Equal(new RunFailure("A_CODE", message, fix), RunFaultException.Read(outage));
        Assert.True(RunFaultException.IsWorthRetrying(outage));
    }

    [Fact]
    public void Read_OfAnyOtherException_IsInternalAndWorthRetrying()
    {
        var details = TaskFailureDetails.FromException(new IOException("disk full"));

        var failure = RunFaultException.Read(details);

        Assert.Equal("INTERNAL", failure.Code);
        Assert.Contains("System.IO.IOException: disk full", failure.Message, StringComparison.Ordinal);
        Assert.True(RunFaultException.IsWorthRetrying(details));
    }

    [Fact]
    public void Read_OfAFaultWhoseTextWasCut_IsInternalAndKeepsTheText()
    {
        var details = new TaskFailureDetails(
            typeof(RunFaultException).FullName!, "A_CODE: cut off", null, null, null);

        var failure = RunFaultException.Read(details);

        Assert.Equal("INTERNAL", failure.Code);
        Assert.Contains("A_CODE: cut off", failure.Message, StringComparison.Ordinal);
    }
}
