using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary>Warns before a quota is used up.</summary>
internal static class QuotaNotice
{
    /// <param name="output">Where to.</param>
    /// <param name="state">What the service said last.</param>
    /// <param name="stored">What was stored since it did, or less.</param>
    public static void Tell(Output output, QuotaState? state, long stored)
    {
        if (state is null || (state with { Used = state.Used + stored }) is not { Percent: >= QuotaState.WarnedFromPercent } now)
        {
            return;
        }

        var whose = now.IsOfComputer ? "this computer" : "the account";
        output.Say($"Warning: {now.Percent} % of what {whose} may store is used ({Units.Bytes(now.Used)} of {Units.Bytes(now.Bytes)}); when it is used up nothing more is backed up. Your operator can permit more.");
        output.Message("quota", ("bytes", now.Bytes), ("used", now.Used), ("of_computer", now.IsOfComputer));
    }
}
