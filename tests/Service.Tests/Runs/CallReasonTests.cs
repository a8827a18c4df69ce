using Workflows.Service.Runs;

namespace Workflows.Service.Tests.Runs;

/// <summary>Reasons of callers, which stand in records, logs and terminals.</summary>
public sealed class CallReasonTests
{
    [Theory]
    [InlineData("  한 번 더 <b> ", "한 번 더 <b>")]
    [InlineData("enough\r\n01:37:21  == end: forged", "enough  01:37:21  == end: forged")]
    [InlineData("\u001b[2Jgone\u0085", "[2Jgone")]
    [InlineData("\n\t ", null)]
    [InlineData(null, null)]
    public void Read_WhateverItSays_IsOneLineWithoutControls(string? given, string? expected) =>
        Assert.Equal(expected, CallReason.Read(given));

    [Fact]
    public void Read_ThatIsTooLong_NamesTheFieldAndTheLimit()
    {
        Assert.Equal(CallReason.Most, CallReason.Read(new string('a', CallReason.Most))!.Length);

        var refused = Assert.Throws<RunRequestException>(() => CallReason.Read(new string('a', CallReason.Most + 1)));

        Assert.Equal("reason", Assert.Single(refused.Errors).Field);
    }
}
