//! The `loadtest` command.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::control::ControlLoad;
use super::cost::Cost;
use super::join::Join;
use super::listen::Listen;
use super::load::Load;
use super::soak::Soak;
use super::speak::Speak;

/// Measure a Partyline server from the outside
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Join(Join),
    Cost(Cost),
    Listen(Listen),
    // Its options are many.
    Load(Box<Load>),
    Soak(Box<Soak>),
    Control(Box<ControlLoad>),
    Speak(Box<Speak>),
}

impl Arguments {
    /// Does what was asked and prints the report.
    ///
    /// # Errors
    ///
    /// When the measurement could not be made, or a soak is not good.
    pub async fn run(&self) -> Result<()> {
        let bar = if self.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} {msg}")?;
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        match &self.command {
            Command::Join(join) => self.print(&join.run(&bar).await?, &bar),
            Command::Cost(cost) => self.print(&cost.run(&bar).await?, &bar),
            Command::Load(load) => self.print(&load.run(&bar).await?, &bar),
            Command::Soak(soak) => {
                let report = soak.run(&bar).await?;
                self.print(&report, &bar)?;
                ensure!(report.is_good(), "the soak is not good: see above");
                Ok(())
            }
            Command::Control(control) => self.print(&control.run(&bar).await?, &bar),
            Command::Speak(speak) => self.print(&speak.run(&bar).await?, &bar),
            Command::Listen(listen) => self.print(&listen.run(&bar).await?, &bar),
        }
    }

    fn print(&self, report: &(impl Serialize + std::fmt::Display), bar: &ProgressBar) -> Result<()> {
        bar.finish_and_clear();
        if self.json {
            println!("{}", serde_json::to_string_pretty(report)?);
        } else {
            print!("{report}");
        }
        Ok(())
    }
}
